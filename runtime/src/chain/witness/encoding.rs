//! The bytes of a witness.
//!
//! ```text
//! version u16, 1 | size u32 | parameters, as a ledger keeps them | count u32 | headers, 214 each
//!   | count u32 | accounts: address 32, size u32, bytes as a store keeps them; none if missing
//!   | size u32 | part of the trie | size u32 | block | SHA-256 of all before
//! ```
//! This is Borsh, so integers are little-endian.

use lockstep_interface::{Account, Address};
use lockstep_store::{decode_account, encode_account};

use sha2::{Digest, Sha256};

use super::{Parameters, Witness, WitnessError};
use crate::block::BlockHeader;

/// The version of the bytes above.
const VERSION: u16 = 1;

type Encoded = (
    u16,
    Vec<u8>,
    Vec<[u8; BlockHeader::SIZE]>,
    Vec<([u8; 32], Vec<u8>)>,
    Vec<u8>,
    Vec<u8>,
);

impl Witness {
    /// The bytes; one witness has one encoding.
    ///
    /// # Errors
    /// If they would take more than 4 GiB.
    pub fn encode(&self) -> Result<Vec<u8>, WitnessError> {
        let parameters = self.parameters.encode();
        let headers = self.headers.iter().map(BlockHeader::encode);
        let accounts = self.accounts.iter().map(|(address, account)| {
            let bytes = match account.exists() {
                true => encode_account(account),
                false => Vec::new(),
            };
            (address.to_bytes(), bytes)
        });
        let encoded: Encoded = (
            VERSION,
            parameters.map_err(|_| WitnessError::Malformed("it has too many programs"))?,
            headers.collect(),
            accounts.collect(),
            self.part.clone(),
            self.block.to_vec(),
        );
        let bytes = borsh::to_vec(&encoded);
        let mut bytes = bytes.map_err(|_| WitnessError::Malformed("it is too large"))?;
        bytes.extend(Sha256::digest(&bytes));
        Ok(bytes)
    }

    /// The witness of these bytes. It may still show nothing; [`Witness::check`] tells.
    ///
    /// # Errors
    /// If the bytes are no witness.
    pub fn decode(bytes: &[u8]) -> Result<Self, WitnessError> {
        if bytes.first_chunk() != Some(&VERSION.to_le_bytes()) {
            return Err(WitnessError::Malformed("it has another version"));
        }
        let ends = WitnessError::Malformed("its bytes end too soon or too late");
        let Some((bytes, digest)) = bytes.split_last_chunk::<32>() else {
            return Err(ends);
        };
        if Sha256::digest(bytes)[..] != digest[..] {
            return Err(WitnessError::Malformed("its digest is another"));
        }
        let encoded: Encoded = borsh::from_slice(bytes).map_err(|_| ends)?;
        let (_, parameters, headers, accounts, part, block) = encoded;
        let parameters = Parameters::decode(&parameters);
        let headers = headers.iter().map(|header| {
            BlockHeader::decode(header).map_err(|_| WitnessError::Malformed("a header is none"))
        });
        let accounts = accounts.into_iter().map(|(address, bytes)| {
            let address = Address::new_from_array(address);
            if bytes.is_empty() {
                return Ok((address, Account::default()));
            }
            let account = decode_account(&bytes).ok().filter(Account::exists);
            let account = account.ok_or(WitnessError::Malformed("an account is none"))?;
            Ok((address, account))
        });
        Ok(Self {
            parameters: parameters.map_err(|_| WitnessError::Malformed("its rules are none"))?,
            headers: headers.collect::<Result<_, WitnessError>>()?,
            accounts: accounts.collect::<Result<_, WitnessError>>()?,
            part,
            block: block.into(),
        })
    }
}
