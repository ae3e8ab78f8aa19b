//! What a browser gets from a node: a page that shows the chain at work, and the scripts with which
//! the page checks certified proofs. These are [`lockstep-light`](../../light)'s twin in JavaScript
//! and its libraries, unchanged, which an import map of the page names.

/// What a browser shows at `/`.
const PAGE: &str = include_str!("page.html");

/// A script, with the path at which it is served.
macro_rules! script {
    ($path:literal) => {
        (
            concat!("/light/", $path),
            include_str!(concat!("../../light/js/", $path)),
        )
    };
}

const SCRIPTS: [(&str, &str); 19] = [
    script!("certificate.mjs"),
    script!("light.mjs"),
    script!("members.mjs"),
    script!("read.mjs"),
    script!("state.mjs"),
    script!("noble/curves/abstract/curve.js"),
    script!("noble/curves/abstract/edwards.js"),
    script!("noble/curves/abstract/fft.js"),
    script!("noble/curves/abstract/frost.js"),
    script!("noble/curves/abstract/hash-to-curve.js"),
    script!("noble/curves/abstract/modular.js"),
    script!("noble/curves/abstract/montgomery.js"),
    script!("noble/curves/abstract/oprf.js"),
    script!("noble/curves/ed25519.js"),
    script!("noble/curves/utils.js"),
    script!("noble/hashes/_md.js"),
    script!("noble/hashes/_u64.js"),
    script!("noble/hashes/sha2.js"),
    script!("noble/hashes/utils.js"),
];

/// The file at a path, behind its content type.
pub(crate) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    if path == "/" {
        return Some(("text/html; charset=utf-8", PAGE));
    }
    let mut scripts = SCRIPTS.iter();
    let (_, text) = scripts.find(|(name, _)| *name == path)?;
    Some(("text/javascript; charset=utf-8", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path that a script at a path means by a name.
    fn meant(path: &str, name: &str) -> String {
        if let Some(library) = name.strip_prefix("@noble/") {
            return format!("/light/noble/{library}");
        }
        let mut folders: Vec<&str> = path.split('/').collect();
        folders.pop();
        for part in name.split('/') {
            match part {
                "." => {}
                ".." => drop(folders.pop()),
                part => folders.push(part),
            }
        }
        folders.join("/")
    }

    #[test]
    fn what_scripts_import_is_served() {
        let mut count = 0;
        for (path, text) in SCRIPTS {
            let code = text.lines().filter(|line| !line.starts_with(" *"));
            for line in code {
                let mut parts = line.split("from ").skip(1);
                let imported = parts.next().or_else(|| line.split("import(").nth(1));
                let quoted = imported.and_then(|rest| rest.split(['"', '\'']).nth(1));
                let Some(name) = quoted.filter(|name| name.ends_with("js")) else {
                    continue;
                };
                let meant = meant(path, name);
                assert!(file(&meant).is_some(), "{path} imports {meant}");
                count += 1;
            }
        }
        assert!(count > 30, "{count} imports are found");
    }
}
