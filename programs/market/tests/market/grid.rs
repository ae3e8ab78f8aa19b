//! The grid game on the real runtime: the way of heroes, crowds, what is refused, and what random
//! players cannot change.

use lockstep_market::grid::{are_neighbours, grid::*};
use lockstep_sdk::interface::{Address, InstructionError, context::Rule};
use lockstep_testing::{Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{Outcomes, sequences};

const ORE: u64 = 50;

/// A chain with a world.
struct Land {
    chain: Chain,
    world: Address,
    founder: Address,
}

impl Land {
    /// A world of which the cells of a rectangle are revealed.
    fn new(width: u16, height: u16) -> Self {
        let mut chain = Chain::builder().program(GridProgram).build();
        let founder = chain.wallet("founder");
        let found = call::found(&FoundAddresses { founder }, 0, 100, 80, ORE);
        chain.run(found).access_is_minimal();
        let (world, _) = Found::world_address(&founder, 0);
        let mut land = Self {
            chain,
            world,
            founder,
        };
        let reveals: Vec<Call> = (0..width)
            .flat_map(|x| (0..height).map(move |y| (x, y)))
            .map(|(x, y)| land.reveal(x, y))
            .collect();
        land.chain.run_block(reveals).access_is_minimal();
        land
    }

    fn reveal(&self, x: u16, y: u16) -> Call {
        let (payer, world) = (self.founder, self.world);
        call::reveal(&RevealAddresses { payer, world }, x, y).into()
    }

    fn cell(&self, place: (u16, u16)) -> Address {
        Reveal::cell_address(&self.world, place.0, place.1).0
    }

    fn hero(&self, player: &Address) -> Address {
        Enter::hero_address(&self.world, player).0
    }

    fn enter(&self, player: Address, place: (u16, u16)) -> Call {
        let (world, cell) = (self.world, self.cell(place));
        call::enter(&EnterAddresses {
            player,
            world,
            cell,
        })
        .into()
    }

    /// A player whose hero is in a cell.
    fn entered(&mut self, name: &str, place: (u16, u16)) -> Address {
        let player = self.chain.wallet(name);
        self.chain
            .run(self.enter(player, place))
            .access_is_minimal();
        player
    }

    fn walk(&self, player: Address, from: (u16, u16), to: (u16, u16)) -> WalkAddresses {
        WalkAddresses {
            player,
            hero: self.hero(&player),
            from: self.cell(from),
            to: self.cell(to),
        }
    }

    fn step(&self, player: Address, from: (u16, u16), to: (u16, u16)) -> Call {
        call::step(&self.walk(player, from, to)).into()
    }

    fn gather(&self, player: Address, place: (u16, u16), ore: u64) -> Call {
        let (hero, cell) = (self.hero(&player), self.cell(place));
        call::gather(&GatherAddresses { player, hero, cell }, ore).into()
    }

    fn offer(&self, player: Address, ore: u64, price: u64) -> Call {
        let hero = self.hero(&player);
        call::offer(&OwnAddresses { player, hero }, ore, price).into()
    }

    fn trade(&self, player: Address, seller: &Address, ore: u64, price: u64) -> Call {
        let (hero, seller) = (self.hero(&player), self.hero(seller));
        call::trade(
            &TradeAddresses {
                player,
                hero,
                seller,
            },
            ore,
            price,
        )
        .into()
    }

    fn fight(&self, player: Address, target: &Address, place: (u16, u16)) -> Call {
        let addresses = FightAddresses {
            player,
            hero: self.hero(&player),
            target: self.hero(target),
            cell: self.cell(place),
        };
        call::fight(&addresses).into()
    }

    fn come_back(&self, player: Address, place: (u16, u16)) -> Call {
        let (hero, cell) = (self.hero(&player), self.cell(place));
        call::come_back(&ComeBackAddresses { player, hero, cell }).into()
    }

    fn state(&self, player: &Address) -> Hero {
        self.chain.state(&self.hero(player))
    }

    fn at(&self, place: (u16, u16)) -> Cell {
        self.chain.state(&self.cell(place))
    }
}

impl Scene for Land {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

#[test]
fn a_hero_goes_its_way() {
    let mut land = Land::new(3, 2);
    let ann = land.entered("ann", (0, 0));
    let ben = land.entered("ben", (2, 0));
    land.chain
        .run(land.step(ann, (0, 0), (1, 0)))
        .access_is_minimal();
    land.chain
        .run(land.gather(ann, (1, 0), 30))
        .access_is_minimal();
    assert_eq!(
        (land.at((1, 0)).ore.get(), land.at((0, 0)).hero),
        (20, Address::default())
    );
    let block = land.chain.run(land.gather(ann, (1, 0), 21));
    block.fails(0, GridError::NotEnough);
    // A trade at the price that was offered, of what was offered.
    land.chain.run(land.offer(ann, 20, 3)).access_is_minimal();
    for (ore, price, error) in [
        (21, 3, GridError::NotEnough),
        (0, 3, GridError::NotEnough),
        (20, 2, GridError::PriceChanged),
    ] {
        let block = land.chain.run(land.trade(ben, &ann, ore, price));
        block.fails(0, error);
    }
    land.chain
        .run(land.trade(ben, &ann, 15, 3))
        .access_is_minimal();
    let [seller, buyer] = [&ann, &ben].map(|player| land.state(player));
    assert_eq!(
        (seller.gold.get(), seller.ore.get(), seller.offered.get()),
        (145, 15, 5)
    );
    assert_eq!((buyer.gold.get(), buyer.ore.get()), (55, 15));
    // Three blows, and the victor has all.
    for _ in 0..2 {
        land.chain.run(land.fight(ben, &ann, (1, 0))).all_ok();
    }
    let block = land.chain.run(land.fight(ben, &ann, (1, 0)));
    assert_eq!(block.access_is_minimal().events::<Struck>()[0].health, 0);
    let [fallen, victor] = [&ann, &ben].map(|player| land.state(player));
    assert_eq!((fallen.gold.get(), fallen.ore.get()), (0, 0));
    assert_eq!((victor.gold.get(), victor.ore.get()), (200, 30));
    assert_eq!(land.at((1, 0)).hero, Address::default());
    // What has fallen does nothing but come back, into an empty cell.
    let block = land.chain.run(land.step(ann, (1, 0), (1, 1)));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("from");
    land.chain
        .run(land.trade(ben, &ann, 1, 3))
        .fails(0, GridError::Fallen);
    let block = land.chain.run(land.come_back(ann, (2, 0)));
    block.fails(0, GridError::Occupied).at("cell");
    land.chain
        .run(land.come_back(ann, (0, 1)))
        .access_is_minimal();
    let block = land.chain.run(land.come_back(ann, (0, 0)));
    block.fails(0, GridError::Alive).at("hero");
}

#[test]
fn heroes_that_do_not_meet_are_one_batch() {
    let mut land = Land::new(40, 3);
    let players: Vec<Address> = (0..40)
        .map(|x| land.chain.wallet(&format!("player {x}")))
        .collect();
    let columns = || players.iter().zip(0_u16..);
    let enters: Vec<Call> = columns()
        .map(|(player, x)| land.enter(*player, (x, 0)))
        .collect();
    let steps: Vec<Call> = columns()
        .map(|(player, x)| land.step(*player, (x, 0), (x, 1)))
        .collect();
    let gathers: Vec<Call> = columns()
        .map(|(player, x)| land.gather(*player, (x, 1), 5))
        .collect();
    for calls in [enters, steps, gathers] {
        land.chain.parallel_equals_serial(calls.clone());
        let block = land.chain.run_block(calls);
        block.access_is_minimal();
        let [lanes] = block.batches() else {
            panic!("{} batches", block.batches().len())
        };
        assert_eq!(lanes.len(), 40, "each call has a lane of its own");
    }
}

/// Of a crowd that wants one cell the first in the block gets it, and only the crowd waits.
#[test]
fn a_crowd_costs_itself() {
    let mut land = Land::new(8, 3);
    let [north, south, far] = [("north", (1, 0)), ("south", (1, 2)), ("far", (6, 0))]
        .map(|(name, place)| land.entered(name, place));
    let calls = [
        land.step(south, (1, 2), (1, 1)),
        land.step(north, (1, 0), (1, 1)),
        land.step(far, (6, 0), (6, 1)),
    ];
    land.chain.parallel_equals_serial(calls.clone());
    let block = land.chain.run_block(calls);
    block.fails(1, GridError::Occupied).at("to");
    assert!(block.call(2).is_ok());
    assert_eq!(
        block.batches()[0].len(),
        2,
        "the one that is far away waits for none"
    );
    assert_eq!(land.at((1, 1)).hero, land.hero(&south));
    assert_eq!(land.at((1, 0)).hero, land.hero(&north));
}

#[test]
fn moves_are_checked() {
    let mut land = Land::new(4, 2);
    let ann = land.entered("ann", (0, 0));
    let ben = land.entered("ben", (3, 0));
    for (place, error) in [((2, 0), GridError::TooFar), ((1, 1), GridError::TooFar)] {
        let block = land.chain.run(land.step(ann, (0, 0), place));
        block.fails(0, error);
    }
    // Twice in a slot.
    let twice = [
        land.step(ann, (0, 0), (1, 0)),
        land.step(ann, (1, 0), (2, 0)),
    ];
    let block = land.chain.run_block(twice);
    block.fails(1, GridError::HasActed);
    let block = land.chain.run(land.fight(ann, &ben, (3, 0)));
    block.fails(0, GridError::TooFar);
    land.chain.run(land.step(ann, (1, 0), (2, 0))).all_ok();
    let block = land.chain.run(land.step(ann, (2, 0), (3, 0)));
    block.fails(0, GridError::Occupied).at("to");
    // One account in two places: a step onto its own cell, a fight with itself.
    let block = land.chain.run(land.step(ann, (2, 0), (2, 0)));
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    let block = land.chain.run(land.fight(ann, &ann, (2, 0)));
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    // Once each, and inside of the world.
    let block = land.chain.run(land.enter(ann, (0, 1)));
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("hero");
    let block = land.chain.run(land.reveal(0, 0));
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("cell");
    for (x, y) in [(100, 0), (0, 80), (u16::MAX, u16::MAX)] {
        land.chain
            .run(land.reveal(x, y))
            .fails(0, GridError::NoSuchCell)
            .at("world");
    }
    let found = FoundAddresses { founder: ann };
    for (width, height) in [(0, 1), (1, 0)] {
        let call = call::found(&found, 0, width, height, 1);
        land.chain.run(call).fails(0, GridError::NoCells);
    }
    assert!(!are_neighbours((0, 0), (u16::MAX, 0)) && are_neighbours((u16::MAX, 9), (u16::MAX, 8)));
}

#[test]
fn thieves_get_nothing() {
    let mut land = Land::new(4, 2);
    let ann = land.entered("ann", (0, 0));
    let thief = land.entered("thief", (1, 0));
    let authority = InstructionError::IncorrectAuthority;
    let run = |land: &mut Land, call: Call| land.chain.run(call);
    // The hero of another player, and a call that its player did not sign.
    let (own, hers) = (land.hero(&thief), land.hero(&ann));
    let calls = [
        land.step(thief, (0, 0), (0, 1)),
        land.gather(thief, (0, 0), 1),
        land.offer(thief, 9, 0),
        land.trade(thief, &thief, 1, 0),
        land.come_back(thief, (0, 1)),
    ];
    for mut call in calls {
        call.instructions[0].accounts[1].address = hers;
        let block = run(&mut land, call);
        block
            .fails(0, authority.clone())
            .at("hero")
            .rule(Rule::HasOne);
    }
    let mut unsigned = land.step(ann, (0, 0), (0, 1));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = run(&mut land, unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("player");
    // The ore of another cell, and a cell where the target is not.
    let call = land.gather(thief, (0, 0), 1);
    run(&mut land, call)
        .fails(0, authority.clone())
        .at("cell")
        .rule(Rule::HasOne);
    let call = land.fight(thief, &ann, (1, 1));
    run(&mut land, call)
        .fails(0, GridError::NoSuchCell)
        .at("cell");
    // The cell of another world, with as much ore as its founder likes.
    let rich = call::found(&FoundAddresses { founder: thief }, 0, 9, 9, u64::MAX);
    run(&mut land, rich.into()).all_ok();
    let (world, _) = Found::world_address(&thief, 0);
    let payer = thief;
    for y in [0, 1] {
        let reveal = call::reveal(&RevealAddresses { payer, world }, 1, y);
        run(&mut land, reveal.into()).all_ok();
    }
    let mut walk = land.walk(thief, (1, 0), (1, 1));
    walk.to = Reveal::cell_address(&world, 1, 1).0;
    let block = run(&mut land, call::step(&walk).into());
    block.fails(0, GridError::NoSuchCell).at("to");
    let enter = EnterAddresses {
        player: land.founder,
        world: land.world,
        cell: walk.to,
    };
    let block = run(&mut land, call::enter(&enter).into());
    block.fails(0, authority).at("cell").rule(Rule::HasOne);
    // Something else as a hero.
    let mut call = land.step(thief, (1, 0), (1, 1));
    call.instructions[0].accounts[1].address = land.world;
    run(&mut land, call)
        .fails(0, InstructionError::InvalidAccountData)
        .at("hero");
    // A sum that would wrap around.
    let calls = [
        land.offer(ann, u64::MAX, u64::MAX),
        land.trade(thief, &ann, 1, u64::MAX),
    ];
    let block = land.chain.run_block(calls);
    block.fails(1, GridError::NotEnough);
    assert_eq!(land.chain.state::<Hero>(&own).ore.get(), 0);
}

/// What a random player does on a map of 4 by 3.
#[derive(Clone, Copy, Debug)]
enum Action {
    Enter(usize),
    ComeBack(usize),
    Step(usize),
    Gather(u64),
    Offer(u64, u64),
    Trade(usize, u64),
    Fight(usize),
    /// A step of the next player's hero.
    Steal(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let place = || 0..12_usize;
    prop_oneof![
        2 => place().prop_map(Action::Enter),
        2 => place().prop_map(Action::ComeBack),
        8 => place().prop_map(Action::Step),
        4 => (1..25_u64).prop_map(Action::Gather),
        2 => (0..40_u64, 0..4_u64).prop_map(|(ore, price)| Action::Offer(ore, price)),
        4 => (0..4_usize, 1..9_u64).prop_map(|(other, ore)| Action::Trade(other, ore)),
        5 => (0..4_usize).prop_map(Action::Fight),
        1 => place().prop_map(Action::Steal),
    ]
}

fn place_of(number: usize) -> (u16, u16) {
    ((number % 4) as u16, (number / 4) as u16)
}

/// Where a player's hero is before the block; the first cell if it is nowhere.
fn place(land: &Land, player: &Address) -> (u16, u16) {
    match land.chain.account(&land.hero(player)) {
        Some(_) => {
            let hero = land.state(player);
            (hero.x.get(), hero.y.get())
        }
        None => (0, 0),
    }
}

fn taken(land: &Land, players: &[Address; 4], index: usize, action: Action) -> Call {
    let (own, next) = (players[index], players[(index + 1) % 4]);
    let here = place(land, &own);
    // One of the four cells around, by chance outside of the map or where a hero is.
    let beside = |here: (u16, u16), number: usize| match number % 4 {
        0 => (here.0.saturating_sub(1), here.1),
        1 => (here.0 + 1, here.1),
        2 => (here.0, here.1.saturating_sub(1)),
        _ => (here.0, here.1 + 1),
    };
    match action {
        Action::Enter(number) => land.enter(own, place_of(number)),
        Action::ComeBack(number) => land.come_back(own, place_of(number)),
        Action::Step(number) => land.step(own, here, beside(here, number)),
        Action::Gather(ore) => land.gather(own, here, ore),
        Action::Offer(ore, price) => land.offer(own, ore, price),
        Action::Trade(other, ore) => {
            let seller = &players[other];
            let price = match land.chain.account(&land.hero(seller)) {
                Some(_) => land.state(seller).price.get(),
                None => 0,
            };
            land.trade(own, seller, ore, price)
        }
        Action::Fight(other) => {
            let target = &players[other];
            land.fight(own, target, place(land, target))
        }
        Action::Steal(number) => {
            let from = place(land, &next);
            let mut walk = land.walk(next, from, beside(from, number));
            walk.player = own;
            call::step(&walk).into()
        }
    }
}

/// Each hero that has not fallen is in one cell, no cell has two, and ore and gold are conserved.
fn check_invariants(land: &Land, players: &[Address; 4]) {
    let (mut ore, mut gold, mut entered) = (0, 0, 0);
    let mut occupied = 0;
    for number in 0..12 {
        let cell = land.at(place_of(number));
        ore += cell.ore.get();
        occupied += u64::from(cell.hero != Address::default());
    }
    let mut alive = 0;
    for player in players {
        if land.chain.account(&land.hero(player)).is_none() {
            continue;
        }
        let hero = land.state(player);
        entered += 1;
        ore += hero.ore.get();
        gold += hero.gold.get();
        if hero.health.get() > 0 {
            alive += 1;
            let cell = land.at((hero.x.get(), hero.y.get()));
            assert_eq!(cell.hero, land.hero(player), "a hero is where it says");
        }
    }
    assert_eq!(occupied, alive, "a cell has a hero that is there");
    assert_eq!(ore, 12 * ORE, "ore is conserved");
    assert_eq!(gold, entered * GOLD, "gold is conserved");
}

#[test]
fn random_players_change_no_invariant() {
    let mut land = Land::new(4, 3);
    let players = ["w", "x", "y", "z"].map(|name| land.chain.wallet(name));
    for (number, player) in players.iter().enumerate().take(3) {
        land.chain
            .run(land.enter(*player, place_of(number)))
            .all_ok();
    }
    let outcomes = Outcomes::default();
    explore(
        &mut land,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        prop::collection::vec((0..4_usize, action()), 1..8),
        |land, actions| {
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(land, &players, *index, *action))
                .collect();
            let block = land.chain.run_block(calls);
            outcomes.add(&block);
            for ((_, action), call) in actions.iter().zip(block.executed()) {
                let is_theft = matches!(action, Action::Steal(_));
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
        },
        |land| check_invariants(land, &players),
    );
    outcomes.tell("grid");
}
