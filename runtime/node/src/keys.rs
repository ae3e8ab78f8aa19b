//! Files of secret keys, as Solana's tools keep them: a JSON list of 64 bytes, of which the first
//! 32 are the secret and the others the address.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

use lockstep_interface::Address;
use lockstep_runtime::wire::{SigningKey, VerificationKeyBytes};

/// The address of a key.
pub fn address_of(key: &SigningKey) -> Address {
    Address::new_from_array(VerificationKeyBytes::from(key).into())
}

/// A key that comes from the system's random numbers.
///
/// # Errors
/// If the system has none.
pub fn random_key() -> Result<SigningKey, io::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    Ok(SigningKey::from(secret))
}

/// Reads the file of a key.
///
/// # Errors
/// If it cannot be read, or holds something else, or the address in it is not the key's.
pub fn read_key(path: &Path) -> Result<SigningKey, io::Error> {
    let expected = |what: &str| {
        let text = format!("{}: {what}, expected a list of 64 bytes", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    let text = std::fs::read_to_string(path)?;
    let bytes: Vec<u8> =
        serde_json::from_str(&text).map_err(|error| expected(&error.to_string()))?;
    let (secret, address) = bytes
        .split_first_chunk::<32>()
        .filter(|(_, address)| address.len() == 32)
        .ok_or_else(|| expected(&format!("found {} bytes", bytes.len())))?;
    let key = SigningKey::from(*secret);
    if address_of(&key).as_array() != address {
        return Err(expected("the last 32 bytes are not the address of the key"));
    }
    Ok(key)
}

/// Writes the file of a key, which its owner alone may read. The file must not be there.
///
/// # Errors
/// If it cannot be written.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), io::Error> {
    let secret: [u8; 32] = (*key).into();
    let bytes = [secret, address_of(key).to_bytes()].concat();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", serde_json::to_string(&bytes)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        let key = random_key().unwrap();
        write_key(&path, &key).unwrap();
        assert_eq!(address_of(&read_key(&path).unwrap()), address_of(&key));
        assert!(write_key(&path, &key).is_err(), "it is there already");
        for wrong in ["", "[1, 2]", "{}"] {
            std::fs::write(&path, wrong).unwrap();
            let error = read_key(&path).unwrap_err().to_string();
            assert!(error.contains("expected a list of 64 bytes"), "{error}");
        }
        let other = serde_json::to_string(&[7u8; 64].to_vec()).unwrap();
        std::fs::write(&path, other).unwrap();
        assert!(read_key(&path).is_err());
    }
}
