//! Supply chains on the real runtime: the way of lots, compliance, what is refused, and what random
//! operators cannot change.

use std::collections::BTreeMap;

use lockstep_market::supply::{link, supply::*};
use lockstep_sdk::interface::{Address, InstructionError, context::Rule};
use lockstep_testing::{Block, Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{Outcomes, sequences};

/// A chain with a product and three sites that can have it: the maker's and two shops'.
struct Trade {
    chain: Chain,
    maker: Address,
    regulator: Address,
    product: Address,
    operators: [Address; 3],
    sites: [Address; 3],
}

impl Trade {
    fn new(needs_certificate: bool) -> Self {
        let mut chain = Chain::builder().program(SupplyProgram).build();
        let operators = ["maker", "north", "south"].map(|name| chain.wallet(name));
        let [maker, regulator] = [operators[0], chain.wallet("regulator")];
        let terms = ProductTerms {
            regulator,
            needs_certificate,
        };
        let define = call::define(&DefineAddresses { maker }, 0, terms);
        chain.run(define).access_is_minimal();
        let (product, _) = Define::product_address(&maker, 0);
        let sites = operators.map(|operator| built(&mut chain, operator, product));
        Self {
            chain,
            maker,
            regulator,
            product,
            operators,
            sites,
        }
    }

    fn make(&self, number: u64, units: u64) -> Call {
        let addresses = MakeAddresses {
            maker: self.maker,
            product: self.product,
            site: self.sites[0],
        };
        call::make(&addresses, number, units).into()
    }

    fn lot(&self, number: u64) -> Address {
        Make::lot_address(&self.product, number).0
    }

    fn made(&mut self, number: u64, units: u64) -> Address {
        self.chain.run(self.make(number, units)).access_is_minimal();
        self.lot(number)
    }

    fn state(&self, lot: &Address) -> Lot {
        self.chain.state(lot)
    }

    /// An offer by the operator of a site to another one.
    fn offer(&self, lot: Address, from: usize, to: Option<usize>) -> Call {
        let addresses = OfferAddresses {
            holder: self.operators[from],
            lot,
            target: to.map(|to| self.sites[to]),
        };
        call::offer(&addresses).into()
    }

    fn acceptance(&self, lot: Address, from: usize, to: usize) -> AcceptAddresses {
        AcceptAddresses {
            operator: self.operators[to],
            product: self.product,
            lot,
            source: self.sites[from],
            target: self.sites[to],
            proof: None,
        }
    }

    fn accept(&self, lot: Address, from: usize, to: usize) -> Call {
        call::accept(&self.acceptance(lot, from, to)).into()
    }

    fn pass(&mut self, lot: Address, from: usize, to: usize) {
        self.chain.run(self.offer(lot, from, Some(to))).all_ok();
        self.chain.run(self.accept(lot, from, to)).all_ok();
    }

    fn hold(&self, lot: Address, is_held: bool) -> Call {
        let (regulator, product) = (self.regulator, self.product);
        let addresses = HoldAddresses {
            regulator,
            product,
            lot,
        };
        call::hold(&addresses, is_held).into()
    }

    fn recall(&self, actor: Address, below: u64) -> Call {
        let product = self.product;
        call::recall(&RecallAddresses { actor, product }, below).into()
    }

    fn accredit(&self, auditor: Address, until: u64) -> Call {
        let (regulator, product) = (self.regulator, self.product);
        call::accredit(&AccreditAddresses { regulator, product }, auditor, until).into()
    }

    fn certify(&self, auditor: Address, lot: Address, until: u64) -> Call {
        let (accreditation, _) = Accredit::accreditation_address(&self.product, auditor);
        let addresses = CertifyAddresses {
            auditor,
            lot,
            accreditation,
        };
        call::certify(&addresses, until).into()
    }

    fn proof(&self, auditor: Address, lot: Address) -> ProofAddresses {
        ProofAddresses {
            certificate: Certify::certificate_address(&lot, &auditor).0,
            accreditation: Accredit::accreditation_address(&self.product, auditor).0,
        }
    }

    /// What a site has, by its counters.
    fn stock(&self, site: usize) -> u64 {
        let (stock, _) = OpenStock::stock_address(&self.sites[site], &self.product);
        let stock: Stock = self.chain.state(&stock);
        stock.received.get() - stock.shipped.get()
    }
}

impl Scene for Trade {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

/// A new site with the product.
fn built(chain: &mut Chain, operator: Address, product: Address) -> Address {
    let build = call::build(&BuildAddresses { operator }, 0);
    chain.run(build).access_is_minimal();
    let (site, _) = Build::site_address(&operator, 0);
    let stock = OpenStockAddresses {
        payer: operator,
        product,
        site,
    };
    chain.run(call::stock(&stock)).access_is_minimal();
    site
}

fn split(holder: Address, lot: Address, number: u64, units: u64) -> Call {
    call::split(&SplitOffAddresses { holder, lot }, number, units).into()
}

fn part(lot: Address, number: u64) -> Address {
    SplitOff::part_address(&lot, number).0
}

fn retire(trade: &Trade, holder: usize, lot: Address) -> Call {
    let (stock, _) = OpenStock::stock_address(&trade.sites[holder], &trade.product);
    let holder = trade.operators[holder];
    call::retire(&RetireAddresses { holder, lot, stock }).into()
}

#[test]
fn a_lot_goes_its_way() {
    let mut trade = Trade::new(false);
    let mut steps = Vec::new();
    let block = trade.chain.run(trade.make(7, 500));
    steps.extend(block.access_is_minimal().events::<Step>());
    let lot = trade.lot(7);
    let block = trade.chain.run(trade.accept(lot, 0, 1));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("target")
        .rule(Rule::Address);
    trade
        .chain
        .run(trade.offer(lot, 0, Some(1)))
        .access_is_minimal();
    // An offer that was taken back, or that is another site's, is not accepted.
    trade
        .chain
        .run(trade.offer(lot, 0, None))
        .access_is_minimal();
    let block = trade.chain.run(trade.accept(lot, 0, 1));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("target");
    trade.chain.run(trade.offer(lot, 0, Some(2))).all_ok();
    let block = trade.chain.run(trade.accept(lot, 0, 1));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("target");
    let block = trade.chain.run(trade.accept(lot, 0, 2));
    steps.extend(block.access_is_minimal().events::<Step>());
    assert_eq!([0, 1, 2].map(|site| trade.stock(site)), [0, 0, 500]);
    assert_eq!(trade.state(&lot).holder, trade.operators[2]);
    // A part goes on alone, with the provenance of the whole.
    let block = trade.chain.run(split(trade.operators[2], lot, 0, 120));
    let told = block.access_is_minimal().events::<Step>();
    let small = part(lot, 0);
    let mut of_part = steps.clone();
    of_part.push(told[0].clone());
    steps.push(told[1].clone());
    trade.chain.run(trade.offer(small, 2, Some(1))).all_ok();
    let block = trade.chain.run(trade.accept(small, 2, 1));
    of_part.extend(block.all_ok().events::<Step>());
    let block = trade.chain.run(retire(&trade, 1, small));
    of_part.extend(block.access_is_minimal().events::<Step>());
    assert_eq!([0, 1, 2].map(|site| trade.stock(site)), [0, 0, 380]);
    for (lot, steps) in [(lot, &steps), (small, &of_part)] {
        let head = steps.iter().fold([0; 32], |head, step| link(&head, step));
        assert_eq!(
            trade.state(&lot).head,
            head,
            "the steps are those that were told"
        );
    }
    let kinds: Vec<Kind> = of_part.iter().map(|step| step.kind).collect();
    let expected = [
        Kind::Made,
        Kind::Passed,
        Kind::Part,
        Kind::Passed,
        Kind::Retired,
    ];
    assert_eq!(kinds, expected);
    // What is retired goes nowhere.
    let block = trade.chain.run(trade.offer(small, 1, Some(0)));
    block.fails(0, SupplyError::Retired).at("lot");
    let block = trade.chain.run(retire(&trade, 1, small));
    block.fails(0, SupplyError::Retired).at("lot");
    let block = trade.chain.run(split(trade.operators[1], small, 0, 1));
    block.fails(0, SupplyError::NoUnits);
}

#[test]
fn holds_and_recalls_stop_lots() {
    let mut trade = Trade::new(false);
    let [old, new] = [3, 4].map(|number| trade.made(number, 10));
    trade.chain.run(trade.hold(new, true)).access_is_minimal();
    trade.chain.run(trade.offer(new, 0, Some(1))).all_ok();
    let error = SupplyError::OnHold;
    trade.chain.run(trade.accept(new, 0, 1)).fails(0, error);
    trade.chain.run(retire(&trade, 0, new)).fails(0, error);
    trade
        .chain
        .run(split(trade.maker, new, 0, 1))
        .fails(0, error);
    trade.chain.run(trade.hold(new, false)).all_ok();
    trade.chain.run(trade.accept(new, 0, 1)).all_ok();
    // A recall reaches the lots below, and their parts, wherever they are.
    trade.pass(old, 0, 1);
    trade
        .chain
        .run(split(trade.operators[1], old, 9, 4))
        .all_ok();
    let small = part(old, 9);
    trade
        .chain
        .run(trade.recall(trade.regulator, 4))
        .access_is_minimal();
    for lot in [old, small] {
        trade.chain.run(trade.offer(lot, 1, Some(2))).all_ok();
        let block = trade.chain.run(trade.accept(lot, 1, 2));
        block.fails(0, SupplyError::LotRecalled);
    }
    trade.pass(new, 1, 2);
    // They go back to their maker, or are destroyed.
    trade.pass(old, 1, 0);
    trade.chain.run(retire(&trade, 1, small)).all_ok();
    // A recall is not taken back, and holds behind it in its block.
    let calls = [
        trade.recall(trade.maker, 1),
        trade.offer(new, 2, Some(1)),
        trade.recall(trade.maker, 5),
        trade.accept(new, 2, 1),
    ];
    let block = trade.chain.run_block(calls);
    block.fails(3, SupplyError::LotRecalled);
    let product: Product = trade.chain.state(&trade.product);
    assert_eq!(product.recalled.get(), 5);
}

#[test]
fn certificates_let_lots_go() {
    let mut trade = Trade::new(true);
    let auditor = trade.chain.wallet("auditor");
    let [lot, other] = [1, 2].map(|number| trade.made(number, 10));
    let last = trade.chain.slot() + 400;
    let block = trade.chain.run(trade.certify(auditor, lot, last));
    block
        .fails(0, InstructionError::UninitializedAccount)
        .at("accreditation");
    trade
        .chain
        .run(trade.accredit(auditor, last))
        .access_is_minimal();
    trade
        .chain
        .run(trade.certify(auditor, lot, last - 200))
        .access_is_minimal();
    trade.chain.run(trade.offer(lot, 0, Some(1))).all_ok();
    let error = SupplyError::NoCertificate;
    trade.chain.run(trade.accept(lot, 0, 1)).fails(0, error);
    let with_proof = |trade: &Trade, lot, proof| {
        let mut acceptance = trade.acceptance(lot, 0, 1);
        acceptance.proof = Some(proof);
        call::accept(&acceptance)
    };
    let proof = trade.proof(auditor, lot);
    let accept = with_proof(&trade, lot, proof.clone());
    trade.chain.run(accept).access_is_minimal();
    // Not for another lot, not with another accreditation, not once it has ended.
    trade.chain.run(trade.offer(other, 0, Some(1))).all_ok();
    let block = trade.chain.run(with_proof(&trade, other, proof.clone()));
    block.fails(0, error);
    trade
        .chain
        .run(trade.certify(auditor, other, last))
        .all_ok();
    let own = trade.proof(auditor, other);
    let quack = trade.chain.wallet("quack");
    trade.chain.run(trade.accredit(quack, last)).all_ok();
    let mut mixed = own.clone();
    mixed.accreditation = trade.proof(quack, other).accreditation;
    trade
        .chain
        .run(with_proof(&trade, other, mixed))
        .fails(0, error);
    trade.chain.run(trade.certify(auditor, other, 0)).all_ok();
    trade
        .chain
        .run(with_proof(&trade, other, own.clone()))
        .fails(0, error);
    trade
        .chain
        .run(trade.certify(auditor, other, last))
        .all_ok();
    trade.chain.run(trade.accredit(auditor, 0)).all_ok();
    trade
        .chain
        .run(with_proof(&trade, other, own.clone()))
        .fails(0, error);
    let block = trade.chain.run(trade.certify(auditor, other, last));
    block.fails(0, SupplyError::NotAccredited);
    trade.chain.run(trade.accredit(auditor, last)).all_ok();
    trade.chain.run(with_proof(&trade, other, own)).all_ok();
    // A part goes with the certificate of the whole, until it ends.
    trade
        .chain
        .run(split(trade.operators[1], lot, 0, 4))
        .all_ok();
    let small = part(lot, 0);
    trade.chain.run(trade.offer(small, 1, Some(2))).all_ok();
    let mut acceptance = trade.acceptance(small, 1, 2);
    acceptance.proof = Some(proof);
    let before = trade.chain.snapshot();
    trade.chain.run(call::accept(&acceptance)).all_ok();
    trade.chain.restore(&before);
    trade.chain.warp_to_slot(last - 199);
    trade.chain.run(call::accept(&acceptance)).fails(0, error);
}

#[test]
fn lots_between_two_sites_are_one_batch() {
    let mut trade = Trade::new(false);
    let numbers = || 0..40_u64;
    let rounds = |trade: &Trade| -> [Vec<Call>; 3] {
        [
            numbers()
                .map(|number| trade.make(number, 5 + number))
                .collect(),
            numbers()
                .map(|number| trade.offer(trade.lot(number), 0, Some(1)))
                .collect(),
            numbers()
                .map(|number| trade.accept(trade.lot(number), 0, 1))
                .collect(),
        ]
    };
    let [makes, offers, accepts] = rounds(&trade);
    // One maker signs and pays for its lots, so those are made in turn.
    trade.chain.run_block(makes).access_is_minimal();
    for calls in [offers, accepts] {
        trade.chain.parallel_equals_serial(calls.clone());
        let block = trade.chain.run_block(calls);
        block.access_is_minimal();
        let [lanes] = block.batches() else {
            panic!("{} batches", block.batches().len())
        };
        assert_eq!(lanes.len(), 40, "each call has a lane of its own");
    }
    assert_eq!(trade.stock(1), (5..45).sum());
}

#[test]
fn thieves_get_nothing() {
    let mut trade = Trade::new(false);
    let lot = trade.made(1, 10);
    let thief = trade.chain.wallet("thief");
    let lair = built(&mut trade.chain, thief, trade.product);
    let (authority, argument) = (
        InstructionError::IncorrectAuthority,
        InstructionError::InvalidArgument,
    );
    // The custody of another operator.
    let mut theft = OfferAddresses {
        holder: thief,
        lot,
        target: Some(lair),
    };
    let block = trade.chain.run(call::offer(&theft));
    block
        .fails(0, authority.clone())
        .at("lot")
        .rule(Rule::HasOne);
    theft.holder = trade.maker;
    let mut unsigned = Call::from(call::offer(&theft));
    unsigned.instructions[0].accounts[0].is_signer = false;
    let block = trade.chain.run(unsigned);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("holder");
    let block = trade.chain.run(split(thief, lot, 0, 1));
    block.fails(0, authority.clone()).at("lot");
    let (stock, _) = OpenStock::stock_address(&trade.sites[0], &trade.product);
    let holder = thief;
    let block = trade
        .chain
        .run(call::retire(&RetireAddresses { holder, lot, stock }));
    block.fails(0, authority.clone()).at("lot");
    // An offer to another site than the thief's, accepted by the thief.
    trade.chain.run(trade.offer(lot, 0, Some(1))).all_ok();
    let mut theft = trade.acceptance(lot, 0, 1);
    theft.operator = thief;
    let block = trade.chain.run(call::accept(&theft));
    block
        .fails(0, authority.clone())
        .at("target")
        .rule(Rule::HasOne);
    theft.target = lair;
    let block = trade.chain.run(call::accept(&theft));
    block
        .fails(0, argument.clone())
        .at("target")
        .rule(Rule::Address);
    // Stocks of another site, and of no site.
    for (place, stock) in [(5, lair), (6, lair)] {
        let (stock, _) = OpenStock::stock_address(&stock, &trade.product);
        let mut theft = trade.accept(lot, 0, 1);
        theft.instructions[0].accounts[place].address = stock;
        let block = trade.chain.run(theft);
        block.fails(0, InstructionError::InvalidSeeds);
    }
    // Another product, with other rules.
    let terms = ProductTerms {
        regulator: thief,
        needs_certificate: false,
    };
    trade
        .chain
        .run(call::define(&DefineAddresses { maker: thief }, 0, terms))
        .all_ok();
    let (own, _) = Define::product_address(&thief, 0);
    let mut theft = trade.acceptance(lot, 0, 1);
    theft.product = own;
    let block = trade.chain.run(call::accept(&theft));
    block
        .fails(0, authority.clone())
        .at("lot")
        .rule(Rule::HasOne);
    let mut hold = HoldAddresses {
        regulator: thief,
        product: own,
        lot,
    };
    let block = trade.chain.run(call::hold(&hold, true));
    block.fails(0, authority.clone()).at("lot");
    hold.product = trade.product;
    let block = trade.chain.run(call::hold(&hold, true));
    block.fails(0, authority.clone()).at("product");
    trade
        .chain
        .run(trade.recall(thief, 9))
        .fails(0, SupplyError::MayNotRecall);
    // Lots of another maker's product, at another operator's site, twice, or of nothing.
    let mut make = MakeAddresses {
        maker: thief,
        product: trade.product,
        site: lair,
    };
    let block = trade.chain.run(call::make(&make, 5, 1));
    block.fails(0, authority.clone()).at("product");
    (make.maker, make.site) = (trade.maker, trade.sites[1]);
    let block = trade.chain.run(call::make(&make, 5, 1));
    block.fails(0, SupplyError::NotOperator).at("site");
    let block = trade.chain.run(trade.make(1, 10));
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("lot");
    trade
        .chain
        .run(trade.make(5, 0))
        .fails(0, SupplyError::NoUnits);
    for units in [0, 10, 11, u64::MAX] {
        let block = trade.chain.run(split(trade.maker, lot, 0, units));
        block.fails(0, SupplyError::NoUnits);
    }
    // Something else as a lot.
    let block = trade.chain.run(split(trade.maker, trade.product, 0, 1));
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("lot");
    // Counters end at 64 bits.
    let block = trade.chain.run(trade.make(6, u64::MAX));
    block.fails(0, InstructionError::ArithmeticOverflow);
    assert_eq!(trade.state(&lot).holder, trade.maker);
}

/// What a random operator does with one of four lots or a part of it.
#[derive(Clone, Copy, Debug)]
enum Action {
    Make(u64),
    Offer(usize),
    Withdraw,
    Accept(usize),
    /// At a site of another operator.
    Steal(usize),
    Split(u64),
    Retire,
    /// By the acting operator, which is not the regulator.
    Seize,
    Hold(bool),
    Recall(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..1_000_u64).prop_map(Action::Make),
        6 => (0..3_usize).prop_map(Action::Offer),
        1 => Just(Action::Withdraw),
        8 => (0..3_usize).prop_map(Action::Accept),
        1 => (0..3_usize).prop_map(Action::Steal),
        3 => (1..600_u64).prop_map(Action::Split),
        1 => Just(Action::Retire),
        1 => Just(Action::Seize),
        2 => any::<bool>().prop_map(Action::Hold),
        1 => (0..3_u64).prop_map(Action::Recall),
    ]
}

/// The lots that there can be, by place.
fn lots(trade: &Trade) -> Vec<Address> {
    let whole = (0..4).map(|number| trade.lot(number));
    whole.flat_map(|lot| [lot, part(lot, 0)]).collect()
}

fn taken(trade: &Trade, index: usize, place: usize, action: Action) -> Call {
    let (own, lot) = (trade.operators[index], lots(trade)[place]);
    let from = match trade.chain.account(&lot) {
        Some(_) => {
            let site = trade.state(&lot).site;
            trade.sites.iter().position(|known| *known == site)
        }
        None => None,
    };
    let from = from.unwrap_or(0);
    match action {
        Action::Make(units) => trade.make(place as u64 / 2, units),
        Action::Offer(to) => trade.offer(lot, index, Some(to)),
        Action::Withdraw => trade.offer(lot, index, None),
        Action::Accept(to) => trade.accept(lot, from, to),
        Action::Steal(to) => {
            let mut acceptance = trade.acceptance(lot, from, to);
            acceptance.operator = trade.operators[(to + 1) % 3];
            call::accept(&acceptance).into()
        }
        // Of whole lots, so that all parts are known.
        Action::Split(units) => split(own, lots(trade)[place / 2 * 2], 0, units),
        Action::Retire => retire(trade, index, lot),
        Action::Seize => {
            let addresses = HoldAddresses {
                regulator: own,
                product: trade.product,
                lot,
            };
            call::hold(&addresses, true).into()
        }
        Action::Hold(is_held) => trade.hold(lot, is_held),
        Action::Recall(below) => trade.recall(trade.regulator, below),
    }
}

/// Follows the events of a block: each step of a lot begins where the one before it has ended.
fn follow(trade: &Trade, block: &Block, before: &BTreeMap<Address, Lot>) {
    let mut known: BTreeMap<Address, ([u8; 32], u64, Address)> = before
        .iter()
        .map(|(lot, state)| (*lot, (state.head, state.steps.get(), state.site)))
        .collect();
    for step in block.events::<Step>() {
        let (head, number, site) = match step.kind {
            Kind::Made => ([0; 32], 0, step.from),
            Kind::Part => {
                let whole = lots(trade)
                    .into_iter()
                    .find(|lot| part(*lot, 0) == step.lot);
                let (head, _, site) = known[&whole.expect("a part is one of a lot")];
                (head, 0, site)
            }
            _ => known[&step.lot],
        };
        assert_eq!(
            (step.number, step.from),
            (number, site),
            "custody is unbroken"
        );
        known.insert(step.lot, (link(&head, &step), number + 1, step.to));
    }
    for (lot, expected) in known {
        let state = trade.state(&lot);
        assert_eq!((state.head, state.steps.get(), state.site), expected);
    }
}

#[test]
fn random_operators_change_no_invariant() {
    let mut trade = Trade::new(false);
    let outcomes = Outcomes::default();
    explore(
        &mut trade,
        sequences(Sequences {
            seed: 16,
            count: 60,
            length_max: 24,
        }),
        prop::collection::vec((0..3_usize, 0..8_usize, action()), 1..8),
        |trade, actions| {
            let known = |trade: &Trade| -> BTreeMap<Address, Lot> {
                let lots = lots(trade).into_iter();
                let there = lots.filter(|lot| trade.chain.account(lot).is_some());
                there.map(|lot| (lot, trade.state(&lot))).collect()
            };
            let before = known(trade);
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, place, action)| taken(trade, *index, *place, *action))
                .collect();
            let block = trade.chain.run_block(calls);
            outcomes.add(&block);
            for ((_, _, action), call) in actions.iter().zip(block.executed()) {
                let is_theft = matches!(action, Action::Steal(_) | Action::Seize);
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            follow(trade, &block, &before);
        },
        |trade| {
            let mut units = [0; 3];
            for lot in lots(trade) {
                if trade.chain.account(&lot).is_some() {
                    let state = trade.state(&lot);
                    let mut sites = trade.sites.iter().zip(&trade.operators);
                    let place = sites.position(|known| known == (&state.site, &state.holder));
                    units[place.expect("a lot is at a site")] += state.units.get();
                }
            }
            let stocks = [0, 1, 2].map(|site| trade.stock(site));
            assert_eq!(stocks, units, "sites have what the lots there have");
        },
    );
    outcomes.tell("supply");
}
