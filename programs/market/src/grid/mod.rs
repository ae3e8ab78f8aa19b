//! `grid`: a game on a map whose cells are accounts. Heroes walk from cell to cell, gather the ore
//! that lies there, trade it with their neighbours, and fight them.
//!
//! A hero acts once a slot. A cell has room for one hero. What a fight takes off depends on
//! nothing but the number of its blows, so that the game needs no dice that a player could load.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `found` | founder, world (new) | |
//! | `reveal` | payer, cell (new) | world |
//! | `enter` | player, hero (new), cell | |
//! | `come_back` | hero, cell | |
//! | `step` | hero, the cell that it leaves, the cell that it enters | |
//! | `gather` | hero, its cell | |
//! | `offer` | hero | |
//! | `trade` | both heroes | |
//! | `fight` | both heroes, the cell of the one that is attacked | |
//!
//! # Contention
//!
//! Conflicts are as far apart as the heroes are: two of them share a written account only if both
//! want one cell, or deal with each other. The world is settled when it is founded, and no call
//! writes it; there is no list of heroes and no count of them. So a map is as parallel as it is
//! large, and a crowd around one cell costs that crowd alone. Of two heroes that step onto one cell
//! in a block the first one gets there, and the other stays where it is.
//!
//! # Conservation
//!
//! Ore is in cells and in heroes, gold in heroes; trades and fights pass both on, and nothing but
//! `reveal` and `enter` makes any. A hero that falls loses all that it carries to the one that
//! struck it, and can come back with empty hands.
//!
//! # A client
//!
//! ```
//! use lockstep_market::grid::grid::{self, *};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(GridProgram).build();
//! let [founder, ann] = ["founder", "ann"].map(|name| chain.wallet(name));
//! let found = FoundAddresses { founder };
//! chain.run(grid::call::found(&found, 0, 30, 20, 50)).all_ok();
//! let (world, _) = Found::world_address(&founder, 0);
//! let [start, next] = [(4, 4), (5, 4)].map(|(x, y)| {
//!     let reveal = RevealAddresses { payer: founder, world };
//!     chain.run(grid::call::reveal(&reveal, x, y)).all_ok();
//!     Reveal::cell_address(&world, x, y).0
//! });
//!
//! chain.run(grid::call::enter(&EnterAddresses { player: ann, world, cell: start })).all_ok();
//! let (hero, _) = Enter::hero_address(&world, &ann);
//! let walk = WalkAddresses { player: ann, hero, from: start, to: next };
//! chain.run(grid::call::step(&walk)).all_ok();
//! let gather = GatherAddresses { player: ann, hero, cell: next };
//! chain.run(grid::call::gather(&gather, 30)).all_ok();
//! assert_eq!(chain.state::<Hero>(&hero).ore.get(), 30);
//! ```

/// True if two cells touch along a side.
///
/// ```
/// use lockstep_market::grid::are_neighbours;
/// assert!(are_neighbours((3, 4), (3, 5)));
/// assert!(!are_neighbours((3, 4), (3, 4)) && !are_neighbours((3, 4), (4, 5)));
/// ```
pub fn are_neighbours(one: (u16, u16), other: (u16, u16)) -> bool {
    let [x, y] = [one.0.abs_diff(other.0), one.1.abs_diff(other.1)];
    x.saturating_add(y) == 1
}

/// A game on a map.
#[lockstep_sdk::program(id = "Gr1d111111111111111111111111111111111111111")]
pub mod grid {
    use super::are_neighbours;
    use lockstep_sdk::prelude::*;

    /// Stands for no hero.
    const NONE: Address = Address::new_from_array([0; 32]);
    /// Gold of a new hero.
    pub const GOLD: u64 = 100;
    /// Health of a hero that enters.
    pub const HEALTH: u16 = 30;
    /// What a blow takes off.
    pub const BLOW: u16 = 10;

    /// A world. It never changes.
    #[state(1, pod)]
    pub struct World {
        /// The founder, for the address; it has no rights.
        pub founder: Address,
        /// Cells in a row.
        pub width: U16,
        /// Rows.
        pub height: U16,
        /// Ore in a new cell.
        pub ore: U64,
    }

    /// A cell.
    #[state(2, pod)]
    pub struct Cell {
        /// Of this world.
        pub world: Address,
        /// The hero in it; zeros for none.
        pub hero: Address,
        /// Column, from 0.
        pub x: U16,
        /// Row, from 0.
        pub y: U16,
        /// What lies there.
        pub ore: U64,
    }

    /// A hero.
    #[state(3, pod)]
    pub struct Hero {
        /// In this world.
        pub world: Address,
        /// Of this player.
        pub player: Address,
        /// Column of its cell.
        pub x: U16,
        /// Row of its cell.
        pub y: U16,
        /// 0 once it has fallen, and is in no cell.
        pub health: U16,
        /// The last slot in which it acted.
        pub acted: U64,
        /// What it carries.
        pub gold: U64,
        /// The same.
        pub ore: U64,
        /// Ore that it offers, at most what it carries when that is traded.
        pub offered: U64,
        /// Gold for one of it.
        pub price: U64,
    }

    impl Hero {
        fn place(&self) -> (u16, u16) {
            (self.x.get(), self.y.get())
        }

        fn is_near(&self, other: &Self) -> bool {
            let is_same_world = self.world == other.world;
            is_same_world && are_neighbours(self.place(), other.place())
        }
    }

    /// Why something is refused.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum GridError {
        /// a world has at least one cell
        NoCells = 1,
        /// there is no such cell in the world
        NoSuchCell,
        /// another hero is in the cell
        Occupied,
        /// the cell is not next to the hero's
        TooFar,
        /// the hero has fallen
        Fallen,
        /// the hero has not fallen
        Alive,
        /// the hero has acted in this slot
        HasActed,
        /// there is less than that
        NotEnough,
        /// the price is not the one that the buyer agreed to
        PriceChanged,
        /// the sum exceeds 64 bits
        Overflow,
    }

    /// A hero is in another cell.
    #[event(1)]
    pub struct Moved {
        /// Which.
        pub hero: Address,
        /// Column.
        pub x: u16,
        /// Row.
        pub y: u16,
    }

    /// Ore was traded for gold.
    #[event(2)]
    pub struct Traded {
        /// Had the ore.
        pub seller: Address,
        /// Has it now.
        pub buyer: Address,
        /// How much.
        pub ore: u64,
        /// For this much.
        pub gold: u64,
    }

    /// A hero struck another one.
    #[event(3)]
    pub struct Struck {
        /// Which.
        pub hero: Address,
        /// By this one.
        pub by: Address,
        /// What is left; 0 if it has fallen.
        pub health: u16,
    }

    /// A new world.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Found<'a> {
        /// Pays for the account.
        pub founder: Mut<Signer<'a>>,
        /// The new world.
        #[account(payer = founder, seeds = [b"world", founder, number])]
        pub world: Init<'a, World>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new cell.
    #[derive(Accounts, Debug)]
    #[args(x: u16, y: u16)]
    pub struct Reveal<'a> {
        /// Pays for the account, and has no rights in it.
        pub payer: Mut<Signer<'a>>,
        /// The world.
        #[account(check(
            x < world.width.get() && y < world.height.get(),
            GridError::NoSuchCell,
        ))]
        pub world: State<'a, World>,
        /// One for each place.
        #[account(payer = payer, seeds = [b"cell", world, x, y])]
        pub cell: Init<'a, Cell>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new hero.
    #[derive(Accounts, Debug)]
    pub struct Enter<'a> {
        /// Pays for the account.
        pub player: Mut<Signer<'a>>,
        /// The world.
        pub world: State<'a, World>,
        /// One for each player.
        #[account(payer = player, seeds = [b"hero", world, player])]
        pub hero: Init<'a, Hero>,
        /// Where it enters.
        #[account(has_one = world, check(cell.hero == NONE, GridError::Occupied))]
        pub cell: Mut<State<'a, Cell>>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A hero that has fallen, and comes back.
    #[derive(Accounts, Debug)]
    pub struct ComeBack<'a> {
        /// The player.
        pub player: Signer<'a>,
        /// The hero.
        #[account(has_one = player, check(hero.health.get() == 0, GridError::Alive))]
        pub hero: Mut<State<'a, Hero>>,
        /// Where it enters.
        #[account(
            check(cell.world == hero.world, GridError::NoSuchCell),
            check(cell.hero == NONE, GridError::Occupied),
        )]
        pub cell: Mut<State<'a, Cell>>,
    }

    /// A hero on its way.
    #[derive(Accounts, Debug)]
    pub struct Walk<'a> {
        /// The player.
        pub player: Signer<'a>,
        /// The hero.
        #[account(has_one = player)]
        pub hero: Mut<State<'a, Hero>>,
        /// Where it is.
        #[account(has_one = hero)]
        pub from: Mut<State<'a, Cell>>,
        /// Where it goes.
        #[account(
            check(to.world == hero.world, GridError::NoSuchCell),
            check(to.hero == NONE, GridError::Occupied),
        )]
        pub to: Mut<State<'a, Cell>>,
    }

    /// A hero in its cell.
    #[derive(Accounts, Debug)]
    pub struct Gather<'a> {
        /// The player.
        pub player: Signer<'a>,
        /// The hero.
        #[account(has_one = player)]
        pub hero: Mut<State<'a, Hero>>,
        /// Where it is.
        #[account(has_one = hero)]
        pub cell: Mut<State<'a, Cell>>,
    }

    /// A hero by itself.
    #[derive(Accounts, Debug)]
    pub struct Own<'a> {
        /// The player.
        pub player: Signer<'a>,
        /// The hero.
        #[account(has_one = player)]
        pub hero: Mut<State<'a, Hero>>,
    }

    /// Two heroes.
    #[derive(Accounts, Debug)]
    pub struct Trade<'a> {
        /// The buyer's player.
        pub player: Signer<'a>,
        /// Pays gold.
        #[account(has_one = player)]
        pub hero: Mut<State<'a, Hero>>,
        /// Has offered ore.
        pub seller: Mut<State<'a, Hero>>,
    }

    /// A hero and one that it strikes.
    #[derive(Accounts, Debug)]
    pub struct Fight<'a> {
        /// The attacker's player.
        pub player: Signer<'a>,
        /// Strikes.
        #[account(has_one = player)]
        pub hero: Mut<State<'a, Hero>>,
        /// Is struck.
        pub target: Mut<State<'a, Hero>>,
        /// Where that is. It is free if the target falls.
        #[account(check(cell.hero == *target.address(), GridError::NoSuchCell))]
        pub cell: Mut<State<'a, Cell>>,
    }

    /// Founds a world of `width` times `height` cells, with this much ore in each.
    #[instruction(0)]
    pub fn found(
        accounts: &Found<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        width: u16,
        height: u16,
        ore: u64,
    ) -> Result {
        require!(width > 0 && height > 0, GridError::NoCells);
        let state = World {
            founder: *accounts.founder.address(),
            width: width.into(),
            height: height.into(),
            ore: ore.into(),
        };
        accounts.world.set(context, &state)
    }

    /// Reveals a cell. Any caller may, and pays for it.
    #[instruction(1)]
    pub fn reveal(accounts: &Reveal<'_>, context: &mut Context<'_, '_>, x: u16, y: u16) -> Result {
        let state = Cell {
            world: *accounts.world.address(),
            hero: NONE,
            x: x.into(),
            y: y.into(),
            ore: accounts.world.read(context)?.ore,
        };
        accounts.cell.set(context, &state)
    }

    /// Puts a new hero into an empty cell.
    #[instruction(2)]
    pub fn enter(accounts: &Enter<'_>, context: &mut Context<'_, '_>) -> Result {
        let state = Hero {
            world: *accounts.world.address(),
            player: *accounts.player.address(),
            x: 0.into(),
            y: 0.into(),
            health: HEALTH.into(),
            acted: slot(context)?.into(),
            gold: GOLD.into(),
            ore: 0.into(),
            offered: 0.into(),
            price: 0.into(),
        };
        accounts.hero.set(context, &state)?;
        put(&accounts.hero, &accounts.cell, context)
    }

    /// Puts a hero that has fallen into an empty cell.
    #[instruction(3)]
    pub fn come_back(accounts: &ComeBack<'_>, context: &mut Context<'_, '_>) -> Result {
        let ComeBack { hero, cell, .. } = accounts;
        hero.write(context)?.health.set(HEALTH);
        act(hero, context)?;
        put(hero, cell, context)
    }

    /// Walks into an empty cell next to the hero's.
    #[instruction(4)]
    pub fn step(accounts: &Walk<'_>, context: &mut Context<'_, '_>) -> Result {
        let Walk { hero, from, to, .. } = accounts;
        let place = hero.read(context)?.place();
        let target = *to.read(context)?;
        let is_near = are_neighbours(place, (target.x.get(), target.y.get()));
        require!(is_near, GridError::TooFar);
        act(hero, context)?;
        from.write(context)?.hero = NONE;
        put(hero, to, context)
    }

    /// Takes ore from the hero's cell.
    #[instruction(5)]
    pub fn gather(accounts: &Gather<'_>, context: &mut Context<'_, '_>, ore: u64) -> Result {
        let Gather { hero, cell, .. } = accounts;
        act(hero, context)?;
        let left = cell.read(context)?.ore.get().checked_sub(ore);
        let left = left.ok_or(GridError::NotEnough)?;
        cell.write(context)?.ore.set(left);
        hero.write(context)?.ore.increase(ore)
    }

    /// Offers ore to neighbours, at this much gold for one.
    #[instruction(6)]
    pub fn offer(
        accounts: &Own<'_>,
        context: &mut Context<'_, '_>,
        ore: u64,
        price: u64,
    ) -> Result {
        let mut hero = accounts.hero.write(context)?;
        hero.offered.set(ore);
        hero.price.set(price);
        Ok(())
    }

    /// Buys ore of a neighbour that has offered it at this price. Takes no time.
    #[instruction(7)]
    pub fn trade(
        accounts: &Trade<'_>,
        context: &mut Context<'_, '_>,
        ore: u64,
        price: u64,
    ) -> Result {
        let Trade { hero, seller, .. } = accounts;
        let (buyer, other) = (*hero.read(context)?, *seller.read(context)?);
        let are_alive = buyer.health.get() > 0 && other.health.get() > 0;
        require!(are_alive, GridError::Fallen);
        require!(buyer.is_near(&other), GridError::TooFar);
        require!(price == other.price.get(), GridError::PriceChanged);
        let is_there = ore > 0 && ore <= other.offered.get() && ore <= other.ore.get();
        require!(is_there, GridError::NotEnough);
        let gold = ore.checked_mul(price).ok_or(GridError::Overflow)?;
        require!(gold <= buyer.gold.get(), GridError::NotEnough);
        let mut buyer = hero.write(context)?;
        buyer.gold.decrease(gold)?;
        buyer.ore.increase(ore)?;
        drop(buyer);
        let mut other = seller.write(context)?;
        other.gold.increase(gold)?;
        other.ore.decrease(ore)?;
        other.offered.decrease(ore)?;
        drop(other);
        let (seller, buyer) = (*seller.address(), *hero.address());
        Traded {
            seller,
            buyer,
            ore,
            gold,
        }
        .emit(context)
    }

    /// Strikes a neighbour. One that falls leaves all that it carries.
    #[instruction(8)]
    pub fn fight(accounts: &Fight<'_>, context: &mut Context<'_, '_>) -> Result {
        let Fight {
            hero, target, cell, ..
        } = accounts;
        let victim = *target.read(context)?;
        require!(hero.read(context)?.is_near(&victim), GridError::TooFar);
        act(hero, context)?;
        let health = victim.health.get().saturating_sub(BLOW);
        target.write(context)?.health.set(health);
        if health == 0 {
            let mut victor = hero.write(context)?;
            victor.gold.increase(victim.gold.get())?;
            victor.ore.increase(victim.ore.get())?;
            drop(victor);
            let mut fallen = target.write(context)?;
            [fallen.gold, fallen.ore, fallen.offered] = [0.into(); 3];
            drop(fallen);
            cell.write(context)?.hero = NONE;
        }
        let (hero, by) = (*target.address(), *hero.address());
        Struck { hero, by, health }.emit(context)
    }

    /// Lets a hero act, once a slot.
    fn act(hero: &Mut<State<'_, Hero>>, context: &Context<'_, '_>) -> Result {
        let now = slot(context)?;
        let mut hero = hero.write(context)?;
        require!(hero.health.get() > 0, GridError::Fallen);
        require!(hero.acted.get() < now, GridError::HasActed);
        hero.acted.set(now);
        Ok(())
    }

    /// Puts a hero into a cell, which is empty.
    fn put(
        hero: &Mut<State<'_, Hero>>,
        cell: &Mut<State<'_, Cell>>,
        context: &mut Context<'_, '_>,
    ) -> Result {
        let mut place = cell.write(context)?;
        place.hero = *hero.address();
        let (x, y) = (place.x, place.y);
        drop(place);
        let mut state = hero.write(context)?;
        (state.x, state.y) = (x, y);
        drop(state);
        let (hero, x, y) = (*hero.address(), x.get(), y.get());
        Moved { hero, x, y }.emit(context)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
