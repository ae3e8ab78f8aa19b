//! A program that answers what a settlement asks: does a refutation hold, is an account in a state,
//! is a transaction in a block.
//!
//! It stands on the chain where another one is settled, and is linked with that other chain's
//! rules; the program that holds deposits invokes it, and knows neither rules nor proofs. It takes
//! no account. It fails unless the answer is yes.

use borsh::BorshSerialize as _;
use lockstep_interface::{Address, Hash, InstructionError, InvokeContext, Program};
use lockstep_store::{StateProof, account_hash, decode_account, verify_proof};

use super::{Claim, Refutation, Step, Terms, refutation::Opened, step::leaf_hash};
use crate::{bank::Genesis, wire::TransactionView};

/// Compute units of a question about a refutation.
const REFUTES_COST: u64 = 60_000;
/// Compute units of the others.
const PROOF_COST: u64 = 5_000;
/// The answer is no.
const NO: InstructionError = InstructionError::Custom(1);

/// What a judge is asked, and how that is encoded: the number of the question, then its fields, in
/// Borsh.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// 0: does the refutation hold? The judge returns the bytes of the earlier claim that it is
    /// about, or none; the asker is to know that claim.
    Refutes {
        /// The claim before.
        parent: Claim,
        /// The claim.
        claim: Claim,
        /// The ids before, oldest first, the parent's last.
        blockhashes: Vec<Hash>,
        /// [`Refutation::encode`].
        refutation: Vec<u8>,
    },
    /// 1: does the state with this root have this account?
    Holds {
        /// The root.
        state_root: Hash,
        /// The address.
        address: Address,
        /// The account, as a store keeps it.
        account: Vec<u8>,
        /// [`StateProof::to_bytes`].
        proof: Vec<u8>,
    },
    /// 2: is the transaction with this message in the claimed block?
    Includes {
        /// The claim.
        claim: Claim,
        /// SHA-256 of its message.
        message_hash: Hash,
        /// Its place in the tree of steps.
        position: u32,
        /// Its step.
        step: Vec<u8>,
        /// The hashes beside the way to the root.
        siblings: Vec<[u8; 32]>,
    },
}

type Refutes = ([u8; Claim::SIZE], [u8; Claim::SIZE], Vec<[u8; 32]>, Vec<u8>);
type Holds = ([u8; 32], [u8; 32], Vec<u8>, Vec<u8>);
type Includes = ([u8; Claim::SIZE], [u8; 32], u32, Vec<u8>, Vec<[u8; 32]>);

impl Question {
    /// The bytes of the instruction.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = match self {
            Self::Refutes {
                parent,
                claim,
                blockhashes,
                refutation,
            } => {
                let hashes: Vec<[u8; 32]> = blockhashes.iter().map(Hash::to_bytes).collect();
                let fields = (parent.encode(), claim.encode(), hashes, refutation);
                (0u8, fields).serialize(&mut bytes)
            }
            Self::Holds {
                state_root,
                address,
                account,
                proof,
            } => (
                1u8,
                (state_root.to_bytes(), address.to_bytes(), account, proof),
            )
                .serialize(&mut bytes),
            Self::Includes {
                claim,
                message_hash,
                position,
                step,
                siblings,
            } => {
                let message_hash = message_hash.to_bytes();
                (
                    2u8,
                    (claim.encode(), message_hash, position, step, siblings),
                )
                    .serialize(&mut bytes)
            }
        };
        written.expect("a vector takes any bytes");
        bytes
    }

    /// The question of these bytes; `None` if they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, fields) = bytes.split_first()?;
        let claim = |bytes: [u8; Claim::SIZE]| Claim::decode(&bytes).ok();
        Some(match kind {
            0 => {
                let (parent, one, hashes, refutation): Refutes = borsh::from_slice(fields).ok()?;
                Self::Refutes {
                    parent: claim(parent)?,
                    claim: claim(one)?,
                    blockhashes: hashes.into_iter().map(Hash::new_from_array).collect(),
                    refutation,
                }
            }
            1 => {
                let (root, address, account, proof): Holds = borsh::from_slice(fields).ok()?;
                Self::Holds {
                    state_root: Hash::new_from_array(root),
                    address: Address::new_from_array(address),
                    account,
                    proof,
                }
            }
            2 => {
                let (one, message_hash, position, step, siblings): Includes =
                    borsh::from_slice(fields).ok()?;
                Self::Includes {
                    claim: claim(one)?,
                    message_hash: Hash::new_from_array(message_hash),
                    position,
                    step,
                    siblings,
                }
            }
            _ => return None,
        })
    }
}

/// The program.
#[derive(Debug)]
pub struct Judge {
    address: Address,
    genesis: Genesis,
}

impl Judge {
    /// A judge at an address, of the chain with this genesis.
    pub fn new(address: Address, genesis: Genesis) -> Self {
        let genesis = Genesis {
            accounts: Vec::new(),
            blockhashes: Vec::new(),
            ..genesis
        };
        Self { address, genesis }
    }

    /// The answer; of a refutation that holds, the earlier claim that it is about.
    fn answer(&self, question: &Question) -> Option<Option<Claim>> {
        match question {
            Question::Refutes {
                parent,
                claim,
                blockhashes,
                refutation,
            } => {
                let refutation = Refutation::decode(refutation)?;
                let terms = Terms {
                    genesis: &self.genesis,
                    parent,
                    claim,
                    blockhashes,
                };
                terms.check(&refutation).ok()?;
                match refutation {
                    Refutation::Replay { earlier, .. } => Some(earlier),
                    _ => Some(None),
                }
            }
            Question::Holds {
                state_root,
                address,
                account,
                proof,
            } => {
                let account = decode_account(account).ok()?;
                let proof = StateProof::from_bytes(proof).ok()?;
                let hash = account_hash(&account);
                let verdict = verify_proof(state_root, address, Some(&hash), &proof);
                verdict.ok().map(|()| None)
            }
            Question::Includes {
                claim,
                message_hash,
                position,
                step,
                siblings,
            } => {
                let hash = leaf_hash(*position, step);
                let opened = Opened {
                    position: *position,
                    leaf: step.clone(),
                    siblings: siblings.clone(),
                };
                let count = (claim.transaction_count as usize).saturating_add(1);
                let place = *position as usize;
                let is_there = opened.leads_to(hash, place, count, &claim.steps_root);
                let step = Step::decode(step).filter(|_| is_there && *position > 0)?;
                let view = TransactionView::parse(&step.transaction).ok()?;
                (view.message_hash() == *message_hash).then_some(None)
            }
        }
    }
}

impl Program for Judge {
    fn address(&self) -> Address {
        self.address
    }

    fn name(&self) -> &'static str {
        "settlement judge"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let question = Question::decode(context.data());
        let question = question.ok_or(InstructionError::InvalidInstructionData)?;
        context.consume(match question {
            Question::Refutes { .. } => REFUTES_COST,
            _ => PROOF_COST,
        })?;
        let earlier = self.answer(&question).ok_or(NO)?;
        let earlier = earlier.map(|claim| claim.encode());
        context.set_return_data(earlier.as_ref().map_or(&[], <[u8; Claim::SIZE]>::as_slice))
    }
}
