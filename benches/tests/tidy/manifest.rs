//! Reads the workspace's manifests, as far as its rules need them.

use crate::source::{files, read};

/// One `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The crate's folder, from the root.
    pub(crate) folder: String,
    /// Section, key and value of each entry; values as they are written, on one line.
    entries: Vec<(String, String, String)>,
}

impl Manifest {
    /// Parses a manifest. Understands what this workspace writes: sections, entries of one line,
    /// and lists that go over several.
    pub(crate) fn parse(folder: &str, text: &str) -> Self {
        let mut entries = Vec::new();
        let mut section = String::new();
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        while let Some(line) = lines.next() {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).to_owned();
                continue;
            }
            let (key, value) = line.split_once('=').expect("an entry has a value");
            let mut value = value.trim().to_owned();
            while value.matches('[').count() > value.matches(']').count() {
                value.push_str(lines.next().expect("the list ends"));
            }
            entries.push((section.clone(), key.trim().to_owned(), value));
        }
        Self {
            folder: folder.to_owned(),
            entries,
        }
    }

    /// The value of an entry.
    pub(crate) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let mut entries = self.section(section);
        entries
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    }

    /// Keys and values of a section.
    pub(crate) fn section(&self, section: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.iter().filter(move |entry| entry.0 == section);
        entries.map(|(_, key, value)| (key.as_str(), value.as_str()))
    }

    /// Names and values of the crates that sections ending in `kind` name, those of single
    /// targets included.
    pub(crate) fn dependencies(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let is_kind = move |section: &str| {
            let target = section.strip_suffix(kind);
            target.is_some_and(|target| target.is_empty() || target.ends_with('.'))
        };
        let entries = self.entries.iter().filter(move |entry| is_kind(&entry.0));
        entries.map(|(_, key, value)| {
            let name = key.split('.').next().unwrap_or(key);
            (name, value.as_str())
        })
    }

    /// True if the crate takes a dependency's version from the workspace.
    pub(crate) fn is_from_workspace(&self, name: &str) -> bool {
        let dotted = format!("{name}.workspace");
        self.entries.iter().any(|(_, key, value)| {
            (*key == dotted && value == "true")
                || (key == name && value.contains("workspace = true"))
        })
    }
}

/// The manifests of its members, in the order the workspace names them.
pub(crate) fn members() -> Vec<Manifest> {
    let workspace = Manifest::parse("", &read("Cargo.toml"));
    let list = workspace.value("workspace", "members");
    let list = list.expect("a workspace has members");
    let folders = strings(list);
    let members =
        folders.map(|folder| Manifest::parse(folder, &read(&format!("{folder}/Cargo.toml"))));
    members.collect()
}

/// All manifests below the root that are neither the workspace's nor a member's.
pub(crate) fn outsiders() -> Vec<Manifest> {
    let members = members();
    let others = files(&["Cargo.toml"]).into_iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        let is_member = members.iter().any(|member| member.folder == folder);
        (!is_member).then(|| Manifest::parse(folder, &file.text))
    });
    others.collect()
}

/// The strings of a list.
fn strings(list: &str) -> impl Iterator<Item = &str> {
    list.split('"').skip(1).step_by(2)
}

#[test]
fn entries_are_found_in_their_sections() {
    let text = "[package]\nname = \"a\"\n# why\nkeys = [\n  \"b\",\n  \"c\",\n]\n\
                [dev-dependencies]\nd.workspace = true\n\
                [dependencies]\ne = { workspace = true }\nf = \"1\"\n\
                [target.'cfg(unix)'.dependencies]\ng.workspace = true\n";
    let manifest = Manifest::parse("x", text);
    assert_eq!(manifest.value("package", "name"), Some("\"a\""));
    let keys = manifest.value("package", "keys").unwrap();
    assert_eq!(strings(keys).collect::<Vec<_>>(), ["b", "c"]);
    let names = |kind| -> Vec<&str> { manifest.dependencies(kind).map(|(name, _)| name).collect() };
    assert_eq!(names("dependencies"), ["e", "f", "g"]);
    assert_eq!(names("dev-dependencies"), ["d"]);
    for (name, expected) in [("d", true), ("e", true), ("f", false), ("g", true)] {
        assert_eq!(manifest.is_from_workspace(name), expected, "{name}");
    }
}
