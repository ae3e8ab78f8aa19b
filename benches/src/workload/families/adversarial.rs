//! `adversarial`: blocks whose conflict graphs are the hard cases of the literature.
//!
//! | shape | transaction i of a block | hard because |
//! |---|---|---|
//! | `path` | writes cells i and i + 1 | in block order nothing is parallel, else half is |
//! | `star` | the first writes the hub that all others read | one node has every edge |
//! | `crown` | one side, then the other; no conflict with its twin | dense, yet two colours do |
//! | `giant` | writes its own cell and one of an earlier transaction | one component holds all |
//! | `hostile-order` | a crown, twin after twin | first-fit needs a colour for each twin |
//!
//! In a crown each node conflicts with all of the other side but its twin.
//!
//! Payers and cells are as many as the `payers` option says, and transaction i takes number i of
//! them. A larger block begins again with the first, which adds conflicts.

use lockstep_interface::{Account, AccountMeta, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, Replay, read, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionKind, OptionSpec, WorkloadSpec};

const SHAPES: &[&str] = &["path", "star", "crown", "giant", "hostile-order"];

/// Most twins of a crown: each node of the second side names all but one of the first, and 24
/// addresses fit a legacy message.
const TWINS_MAX: u64 = 24;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "adversarial",
    about: "conflict graphs that are hard for planners, chosen by shape",
    options: &[
        OptionSpec {
            name: "shape",
            kind: OptionKind::Choice(SHAPES),
            default: 0,
            min: 0,
            max: 4,
            about: "which graph",
        },
        replay::count(
            "payers",
            10_000,
            2,
            "wallets and cells, one for each transaction",
        ),
        OptionSpec {
            max: TWINS_MAX,
            ..replay::count("twins", 16, 2, "crown, hostile-order: nodes on each side")
        },
        COST,
    ],
    build: |spec, seed| Ok(Box::new(Adversarial::new(spec, seed))),
};

#[derive(Clone, Copy, Debug)]
enum Shape {
    Path,
    Star,
    Crown,
    Giant,
    HostileOrder,
}

#[derive(Debug)]
struct Adversarial {
    replay: Replay,
    shape: Shape,
    cells: Vec<Address>,
    twins: usize,
}

impl Adversarial {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let shape = match SHAPES[spec.count("shape")] {
            "path" => Shape::Path,
            "star" => Shape::Star,
            "crown" => Shape::Crown,
            "giant" => Shape::Giant,
            _ => Shape::HostileOrder,
        };
        let replay = Replay::new(spec, seed);
        // The path's last transaction has a cell behind its own.
        let cell_count = replay.keys().len().saturating_add(1);
        Self {
            shape,
            cells: replay::addresses(b"cell", cell_count, seed),
            twins: spec.count("twins"),
            replay,
        }
    }

    /// The accounts of node `twin` of a crown whose first cell has this number: the first side
    /// writes a cell each, the second reads all but its twin's and so does not conflict with
    /// itself.
    fn crown(&self, first: usize, twin: usize, is_second_side: bool) -> Vec<AccountMeta> {
        let cells = self.cells.iter().cycle().skip(first).take(self.twins);
        let mut cells = cells.enumerate();
        if is_second_side {
            let others = cells.filter(|(number, _)| *number != twin);
            others.map(|(_, cell)| read(cell)).collect()
        } else {
            let own = cells.nth(twin).map(|(_, cell)| write(cell));
            own.into_iter().collect()
        }
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "positions in a block, and there are at least two cells and two twins"
    )]
    fn metas(&self, number: usize, rng: &mut ChaCha8Rng) -> Vec<AccountMeta> {
        let size = self.twins * 2;
        let (first, place) = (number - number % size, number % size);
        match self.shape {
            Shape::Path => self.cells[number..=number + 1].iter().map(write).collect(),
            Shape::Star if number == 0 => vec![write(&self.cells[0])],
            Shape::Star => vec![read(&self.cells[0]), write(&self.cells[number])],
            Shape::Giant if number == 0 => vec![write(&self.cells[0])],
            Shape::Giant => {
                let earlier = rng.random_range(0..number);
                vec![write(&self.cells[number]), write(&self.cells[earlier])]
            }
            Shape::Crown => self.crown(first, place % self.twins, place >= self.twins),
            Shape::HostileOrder => self.crown(first, place / 2, place % 2 == 1),
        }
    }
}

impl Family for Adversarial {
    fn keys(&self) -> &Keyring {
        self.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.replay.genesis(&self.cells)
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let number = place.index.checked_rem(self.keys().len());
        let number = number.expect("there are payers");
        self.replay.draft(place, number, self.metas(number, rng))
    }
}
