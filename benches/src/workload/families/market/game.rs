//! `game`: heroes on a map that walk to and fro, each on two cells of its own. A share of them
//! wants the one cell that all know instead, and is refused there: a crowd costs itself.

use lockstep_interface::Address;
use lockstep_market::grid::grid::{self, *};
use lockstep_programs::compute_budget::instruction::set_compute_unit_limit;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, state_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "game",
    about: "heroes that walk on a map; those that want one cell wait for each other",
    options: &[
        ACCOUNTS,
        replay::percent("crowd-share", 0, "steps into the one cell that all know"),
    ],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Game::of_crowd)),
};

/// Heroes in a row of the map, each with two cells.
const ROW: usize = 30_000;
/// Compute units of a step.
const COST: u64 = 2_500;
/// What a transaction asks for at least; the laps tell apart what is otherwise the same step.
const UNITS: u32 = 50_000;

/// A hero, and its cells.
#[derive(Debug)]
struct Walker {
    hero: Derived,
    cells: [Derived; 2],
    places: [(u16, u16); 2],
}

/// A map with a hero for each user.
#[derive(Debug)]
pub(super) struct Game {
    users: Users,
    world: Derived,
    founder: Address,
    walkers: Vec<Walker>,
    crowd_share: u64,
}

impl Game {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        _: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        Box::new(Self::new(keys, users, seed, 0))
    }

    fn of_crowd(keys: &Keyring, users: Users, spec: &WorkloadSpec, seed: u64) -> Box<dyn Quarter> {
        Box::new(Self::new(keys, users, seed, spec.value("crowd-share")))
    }

    fn new(keys: &Keyring, users: Users, seed: u64, crowd_share: u64) -> Self {
        let founder = replay::addresses(b"world", 1, seed)[0];
        let world = Found::world_address(&founder, 0);
        let walkers = users.all().into_par_iter().enumerate();
        let walkers = walkers.map(|(number, user)| {
            let coordinate =
                |number: usize| u16::try_from(number).expect("the map is large enough");
            let column = (number % ROW).saturating_mul(2);
            let places = [column, column.saturating_add(1)]
                .map(|x| (coordinate(x), coordinate(number / ROW)));
            Walker {
                hero: Enter::hero_address(&world.0, &keys.address(user)),
                cells: places.map(|(x, y)| Reveal::cell_address(&world.0, x, y)),
                places,
            }
        });
        Self {
            users,
            world,
            founder,
            walkers: walkers.collect(),
            crowd_share,
        }
    }
}

impl Quarter for Game {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let state = World {
            founder: self.founder,
            width: u16::MAX.into(),
            height: u16::MAX.into(),
            ore: 0.into(),
        };
        let world = (self.world.0, state_account(&state, self.world.1));
        let walkers = self.users.all().zip(&self.walkers);
        let walkers = walkers.flat_map(move |(user, walker)| {
            let (hero, bump) = walker.hero;
            let [(x, y), _] = walker.places;
            let state = Hero {
                world: self.world.0,
                player: keys.address(user),
                x: x.into(),
                y: y.into(),
                health: HEALTH.into(),
                acted: 0.into(),
                gold: GOLD.into(),
                ore: 0.into(),
                offered: 0.into(),
                price: 0.into(),
            };
            let cells = walker.cells.iter().zip(walker.places).enumerate();
            let cells = cells.map(move |(place, (cell, (x, y)))| {
                let inside = if place == 0 { hero } else { Address::default() };
                let state = Cell {
                    world: self.world.0,
                    hero: inside,
                    x: x.into(),
                    y: y.into(),
                    ore: 0.into(),
                };
                (cell.0, state_account(&state, cell.1))
            });
            [(hero, state_account(&state, bump))]
                .into_iter()
                .chain(cells)
        });
        Box::new([world].into_iter().chain(walkers))
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let lap = self.users.lap(turn);
        let walker = &self.walkers[payer.saturating_sub(self.users.first)];
        let [mut from, mut to] = walker.cells.map(|(cell, _)| cell);
        if lap % 2 == 1 {
            std::mem::swap(&mut from, &mut to);
        }
        if self.crowd_share > 0 && rng.random_range(0..100) < self.crowd_share {
            to = self.walkers[0].cells[0].0;
            from = walker.cells[1].0;
        }
        let player = keys.address(payer);
        let (hero, _) = walker.hero;
        let walk = WalkAddresses {
            player,
            hero,
            from,
            to,
        };
        let mut step = draft(payer, grid::call::step(&walk), COST);
        let lap = u32::try_from(lap).unwrap_or(0) % UNITS;
        let limit = set_compute_unit_limit(UNITS.saturating_add(lap));
        step.instructions.insert(0, limit);
        step
    }
}
