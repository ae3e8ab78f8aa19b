//! `supply`: products, lots of them, the sites that have custody of lots, and what auditors and
//! regulators say about them.
//!
//! A maker makes lots of its product at a site of its own. A lot is at one site at any time: its
//! operator offers it to another site, whose operator accepts it. Lots are split, and retired. A
//! regulator accredits auditors for certificates, and holds lots; it or the maker recalls lots.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `define` | maker, product (new) | | |
//! | `build` | operator, site (new) | | |
//! | `stock` | payer, stock of a product at a site (new) | | product, site |
//! | `make` | maker, lot (new) | stock | product, site |
//! | `offer` | lot | | target site |
//! | `accept` | lot | stocks of both sites | product, target site, certificate |
//! | `split` | operator, lot, part (new) | | |
//! | `retire` | lot | stock | |
//! | `accredit` | regulator, accreditation | | product |
//! | `certify` | auditor, certificate | | lot, accreditation |
//! | `hold` | lot | | product |
//! | `recall` | product | | |
//!
//! # Contention
//!
//! Two lots share nothing that either writes, even if they are of one product and go between the
//! same sites: what a site has of a product are counters that are only added to. A stock counts
//! what has come and what has gone, and never subtracts, so any number of lots move at the same
//! time. The product is read by every transfer and written by a recall alone, which holds for the
//! transfers behind it without touching a lot. A lot is the hot object, at one place by nature.
//!
//! # Provenance
//!
//! Each step of a lot is an event, and the lot keeps the hash of all of them, each [linked](link)
//! to the one before: a reader proves from the state that the steps it was told of are those that
//! happened, in order, and that none is missing. The first link of a part is the newest one of the
//! lot that it was split from.
//!
//! # A client
//!
//! ```
//! use lockstep_market::supply::{link, supply::{self, *}};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(SupplyProgram).build();
//! let [maker, shop, state] = ["maker", "shop", "state"].map(|name| chain.wallet(name));
//! let terms = ProductTerms { regulator: state, needs_certificate: false };
//! chain.run(supply::call::define(&DefineAddresses { maker }, 0, terms)).all_ok();
//! let (product, _) = Define::product_address(&maker, 0);
//! let sites = [maker, shop].map(|operator| {
//!     chain.run(supply::call::build(&BuildAddresses { operator }, 0)).all_ok();
//!     let (site, _) = Build::site_address(&operator, 0);
//!     let stock = OpenStockAddresses { payer: operator, product, site };
//!     chain.run(supply::call::stock(&stock)).all_ok();
//!     site
//! });
//!
//! let make = MakeAddresses { maker, product, site: sites[0] };
//! let made = chain.run(supply::call::make(&make, 7, 500)).all_ok().events::<Step>();
//! let (lot, _) = Make::lot_address(&product, 7);
//! let offer = OfferAddresses { holder: maker, lot, target: Some(sites[1]) };
//! chain.run(supply::call::offer(&offer)).all_ok();
//! let accept = AcceptAddresses {
//!     operator: shop, product, lot, source: sites[0], target: sites[1], proof: None,
//! };
//! let passed = chain.run(supply::call::accept(&accept)).all_ok().events::<Step>();
//!
//! let steps = made.iter().chain(&passed);
//! let head = steps.fold([0; 32], |head, step| link(&head, step));
//! assert_eq!(chain.state::<Lot>(&lot).head, head);
//! ```

use lockstep_sdk::data::encode;
use sha2::{Digest, Sha256};

/// The hash of the steps of a lot up to this one: SHA-256 over that of the steps before it (zeros
/// before the first one) and the event's encoding.
pub fn link(head: &[u8; 32], step: &supply::Step) -> [u8; 32] {
    let hasher = Sha256::new().chain_update(head);
    hasher.chain_update(encode(step)).finalize().into()
}

/// Products, lots, custody and compliance.
#[lockstep_sdk::program(id = "Supp1y1111111111111111111111111111111111111")]
pub mod supply {
    use lockstep_sdk::prelude::*;

    const NONE: Address = Address::new_from_array([0; 32]);

    /// What a product is agreed to be.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct ProductTerms {
        /// Accredits auditors, holds lots, and may recall.
        pub regulator: Address,
        /// True if a lot changes hands with a valid certificate only.
        pub needs_certificate: bool,
    }

    /// A product. Nothing but a recall changes it.
    #[state(1, pod)]
    pub struct Product {
        /// Makes lots, and may recall them.
        pub maker: Address,
        /// See [`ProductTerms::regulator`].
        pub regulator: Address,
        /// Lots with a number below are recalled.
        pub recalled: U64,
        /// See [`ProductTerms::needs_certificate`].
        pub needs_certificate: Bool,
    }

    /// A place where lots are.
    #[state(2, pod)]
    pub struct Site {
        /// Has custody of the lots there.
        pub operator: Address,
    }

    /// What a site has of a product: the units that have come, less those that have gone.
    #[state(3, pod)]
    pub struct Stock {
        /// At this site.
        pub site: Address,
        /// Of this product.
        pub product: Address,
        /// Units that have come or were made there.
        #[tally]
        pub received: U64,
        /// Units that have gone or were retired there.
        #[tally]
        pub shipped: U64,
    }

    /// A lot, or a part of one.
    #[state(4, pod)]
    pub struct Lot {
        /// Of this product.
        pub product: Address,
        /// The lot that it is a part of, whose certificates hold for it; its own address otherwise.
        pub origin: Address,
        /// Where it is.
        pub site: Address,
        /// The operator there.
        pub holder: Address,
        /// The site that it is offered to; zeros for none.
        pub target: Address,
        /// Of the lot that was made, also in its parts. Recalls go by it.
        pub number: U64,
        /// Units; 0 once it is retired.
        pub units: U64,
        /// Steps so far.
        pub steps: U64,
        /// The hash of all steps, see [`link`](super::link).
        pub head: [u8; 32],
        /// True while the regulator holds it back.
        pub is_held: Bool,
    }

    /// The right of an auditor to certify lots of a product.
    #[state(5, pod)]
    pub struct Accreditation {
        /// Of this product.
        pub product: Address,
        /// The auditor.
        pub auditor: Address,
        /// The last slot in which it holds.
        pub valid_until: U64,
    }

    /// What an auditor says for a lot and its parts.
    #[state(6, pod)]
    pub struct Certificate {
        /// The lot.
        pub lot: Address,
        /// The auditor.
        pub auditor: Address,
        /// The last slot in which it is valid.
        pub valid_until: U64,
    }

    /// Why something is refused.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum SupplyError {
        /// a lot has at least one unit, and so have both parts of one that is split
        NoUnits = 1,
        /// the site is operated by another operator
        NotOperator,
        /// the lot is retired
        Retired,
        /// the regulator holds the lot back
        OnHold,
        /// the lot is recalled: it goes back to its maker, or is retired
        LotRecalled,
        /// the product asks for a valid certificate of an accredited auditor
        NoCertificate,
        /// maker and regulator recall
        MayNotRecall,
        /// the auditor's right has ended
        NotAccredited,
    }

    /// What happened to a lot.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub enum Kind {
        /// It was made.
        Made,
        /// It was split off from another lot.
        Part,
        /// A part of it was split off.
        Split,
        /// Another site accepted it.
        Passed,
        /// It was used up.
        Retired,
        /// The regulator held it back.
        Held,
        /// The regulator let it go.
        Freed,
    }

    /// A step of a lot.
    #[event(1)]
    #[derive(Clone)]
    pub struct Step {
        /// Of this lot.
        pub lot: Address,
        /// From 0.
        pub number: u64,
        /// What happened.
        pub kind: Kind,
        /// The site where it was; of a lot that is made or split off, where that happens.
        pub from: Address,
        /// The site where it is.
        pub to: Address,
        /// Units that it has then; of one that is retired, those that it had.
        pub units: u64,
        /// The slot.
        pub slot: u64,
    }

    /// Lots are recalled.
    #[event(2)]
    pub struct Recalled {
        /// Of this product.
        pub product: Address,
        /// With a number below.
        pub below: u64,
    }

    /// A lot was certified.
    #[event(3)]
    pub struct Certified {
        /// Lot and auditor are in its state.
        pub certificate: Address,
        /// The last slot in which it is valid.
        pub until: u64,
    }

    /// A new product.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Define<'a> {
        /// Pays for the account.
        pub maker: Mut<Signer<'a>>,
        /// The new product.
        #[account(payer = maker, seeds = [b"product", maker, number])]
        pub product: Init<'a, Product>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new site.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Build<'a> {
        /// Pays for the account.
        pub operator: Mut<Signer<'a>>,
        /// The new site.
        #[account(payer = operator, seeds = [b"site", operator, number])]
        pub site: Init<'a, Site>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A product that is new at a site.
    #[derive(Accounts, Debug)]
    pub struct OpenStock<'a> {
        /// Pays for the account, and has no rights in it.
        pub payer: Mut<Signer<'a>>,
        /// The product.
        pub product: State<'a, Product>,
        /// The site.
        pub site: State<'a, Site>,
        /// Counts what comes and goes.
        #[account(payer = payer, seeds = [b"stock", site, product])]
        pub stock: Init<'a, Stock>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A new lot.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Make<'a> {
        /// Pays for the lot.
        pub maker: Mut<Signer<'a>>,
        /// The product.
        #[account(has_one = maker)]
        pub product: State<'a, Product>,
        /// A site of the maker.
        #[account(check(site.operator == *maker.address(), SupplyError::NotOperator))]
        pub site: State<'a, Site>,
        /// Only added to.
        #[account(seeds = [b"stock", site, product])]
        pub stock: Tally<'a, Stock>,
        /// One for each number.
        #[account(payer = maker, seeds = [b"lot", product, number])]
        pub lot: Init<'a, Lot>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A lot for another site.
    #[derive(Accounts, Debug)]
    pub struct Offer<'a> {
        /// Has custody.
        pub holder: Signer<'a>,
        /// The lot.
        #[account(has_one = holder, check(lot.units.get() > 0, SupplyError::Retired))]
        pub lot: Mut<State<'a, Lot>>,
        /// Where it would go; absent to take an offer back.
        pub target: Option<State<'a, Site>>,
    }

    /// What an auditor has said.
    #[derive(Accounts, Debug)]
    pub struct Proof<'a> {
        /// The certificate.
        pub certificate: State<'a, Certificate>,
        /// The right to give it, which has to hold still.
        pub accreditation: State<'a, Accreditation>,
    }

    /// A lot that changes hands.
    #[derive(Accounts, Debug)]
    pub struct Accept<'a> {
        /// Operates the target.
        pub operator: Signer<'a>,
        /// The product.
        pub product: State<'a, Product>,
        /// The lot.
        #[account(has_one = product)]
        pub lot: Mut<State<'a, Lot>>,
        /// Where it comes from.
        #[account(address = lot.site)]
        pub source: State<'a, Site>,
        /// Where it goes.
        #[account(address = lot.target, has_one = operator)]
        pub target: State<'a, Site>,
        /// Only added to.
        #[account(seeds = [b"stock", source, product])]
        pub shipping: Tally<'a, Stock>,
        /// Only added to.
        #[account(seeds = [b"stock", target, product])]
        pub receiving: Tally<'a, Stock>,
        /// A certificate, where the product asks for one.
        pub proof: Option<Proof<'a>>,
    }

    /// A lot that is split.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct SplitOff<'a> {
        /// Has custody, and pays for the part.
        pub holder: Mut<Signer<'a>>,
        /// The lot.
        #[account(has_one = holder)]
        pub lot: Mut<State<'a, Lot>>,
        /// The new lot.
        #[account(payer = holder, seeds = [b"part", lot, number])]
        pub part: Init<'a, Lot>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A lot that is used up.
    #[derive(Accounts, Debug)]
    pub struct Retire<'a> {
        /// Has custody.
        pub holder: Signer<'a>,
        /// The lot. Its account stays, for its provenance.
        #[account(has_one = holder, check(lot.units.get() > 0, SupplyError::Retired))]
        pub lot: Mut<State<'a, Lot>>,
        /// Only added to.
        #[account(seeds = [b"stock", lot.site, lot.product])]
        pub stock: Tally<'a, Stock>,
    }

    /// The right of an auditor.
    #[derive(Accounts, Debug)]
    #[args(auditor: Address)]
    pub struct Accredit<'a> {
        /// Pays for the account.
        pub regulator: Mut<Signer<'a>>,
        /// The product.
        #[account(has_one = regulator)]
        pub product: State<'a, Product>,
        /// The right, given for the first time or again.
        #[account(payer = regulator, seeds = [b"auditor", product, auditor])]
        pub accreditation: InitIfNeeded<'a, Accreditation>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A certificate.
    #[derive(Accounts, Debug)]
    pub struct Certify<'a> {
        /// Pays for the account.
        pub auditor: Mut<Signer<'a>>,
        /// The lot.
        pub lot: State<'a, Lot>,
        /// The right to certify it.
        #[account(seeds = [b"auditor", lot.product, auditor])]
        pub accreditation: State<'a, Accreditation>,
        /// One for each lot and auditor, given for the first time or again.
        #[account(payer = auditor, seeds = [b"certificate", lot, auditor])]
        pub certificate: InitIfNeeded<'a, Certificate>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A lot in its regulator's eyes.
    #[derive(Accounts, Debug)]
    pub struct Hold<'a> {
        /// The regulator.
        pub regulator: Signer<'a>,
        /// The product.
        #[account(has_one = regulator)]
        pub product: State<'a, Product>,
        /// The lot.
        #[account(has_one = product)]
        pub lot: Mut<State<'a, Lot>>,
    }

    /// A product whose lots are recalled.
    #[derive(Accounts, Debug)]
    pub struct Recall<'a> {
        /// The maker or the regulator.
        pub actor: Signer<'a>,
        /// The product.
        pub product: Mut<State<'a, Product>>,
    }

    /// Defines a product.
    #[instruction(0)]
    pub fn define(
        accounts: &Define<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        terms: ProductTerms,
    ) -> Result {
        let state = Product {
            maker: *accounts.maker.address(),
            regulator: terms.regulator,
            recalled: 0.into(),
            needs_certificate: terms.needs_certificate.into(),
        };
        accounts.product.set(context, &state)
    }

    /// Builds a site.
    #[instruction(1)]
    pub fn build(accounts: &Build<'_>, context: &mut Context<'_, '_>, _number: u64) -> Result {
        let site = Site {
            operator: *accounts.operator.address(),
        };
        accounts.site.set(context, &site)
    }

    /// Lets a site have a product.
    #[instruction(2)]
    pub fn stock(accounts: &OpenStock<'_>, context: &mut Context<'_, '_>) -> Result {
        let stock = Stock {
            site: *accounts.site.address(),
            product: *accounts.product.address(),
            received: 0.into(),
            shipped: 0.into(),
        };
        accounts.stock.set(context, &stock)
    }

    /// Makes a lot of `units` at a site of the maker.
    #[instruction(3)]
    pub fn make(
        accounts: &Make<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        units: u64,
    ) -> Result {
        require!(units > 0, SupplyError::NoUnits);
        accounts.stock.add(context, Stock::RECEIVED, units)?;
        let state = Lot {
            product: *accounts.product.address(),
            origin: *accounts.lot.address(),
            site: *accounts.site.address(),
            holder: *accounts.maker.address(),
            target: NONE,
            number: number.into(),
            units: units.into(),
            steps: 0.into(),
            head: [0; 32],
            is_held: false.into(),
        };
        accounts.lot.set(context, &state)?;
        step(&accounts.lot, context, Kind::Made, state.site, units)
    }

    /// Offers a lot to another site, or to none.
    #[instruction(4)]
    pub fn offer(accounts: &Offer<'_>, context: &mut Context<'_, '_>) -> Result {
        let target = accounts.target.map_or(NONE, |site| *site.address());
        accounts.lot.write(context)?.target = target;
        Ok(())
    }

    /// Takes custody of a lot that is offered.
    #[instruction(5)]
    pub fn accept(accounts: &Accept<'_>, context: &mut Context<'_, '_>) -> Result {
        let lot = *accounts.lot.read(context)?;
        let product = *accounts.product.read(context)?;
        let operator = *accounts.operator.address();
        require!(!lot.is_held.get(), SupplyError::OnHold);
        let goes_back = operator == product.maker;
        let may_go = goes_back || lot.number.get() >= product.recalled.get();
        require!(may_go, SupplyError::LotRecalled);
        if product.needs_certificate.get() && !goes_back {
            accounts.check_certificate(context, &lot)?;
        }
        let units = lot.units.get();
        accounts.shipping.add(context, Stock::SHIPPED, units)?;
        accounts.receiving.add(context, Stock::RECEIVED, units)?;
        let from = lot.site;
        let mut lot = accounts.lot.write(context)?;
        (lot.site, lot.holder, lot.target) = (lot.target, operator, NONE);
        drop(lot);
        step(&accounts.lot, context, Kind::Passed, from, units)
    }

    impl Accept<'_> {
        /// Checks that there is a valid certificate for a lot.
        fn check_certificate(&self, context: &Context<'_, '_>, lot: &Lot) -> Result {
            let proof = self.proof.as_ref().ok_or(SupplyError::NoCertificate)?;
            let certificate = proof.certificate.read(context)?;
            let (right, now) = (proof.accreditation.read(context)?, slot(context)?);
            let is_of_lot = [lot.origin, *self.lot.address()].contains(&certificate.lot);
            let is_valid = now <= certificate.valid_until.get() && now <= right.valid_until.get();
            let is_accredited =
                right.product == lot.product && right.auditor == certificate.auditor;
            let holds = is_of_lot && is_valid && is_accredited;
            require!(holds, SupplyError::NoCertificate);
            Ok(())
        }
    }

    /// Splits `units` off a lot. The holder chooses a number that it has not used for the lot.
    #[instruction(6)]
    pub fn split(
        accounts: &SplitOff<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        units: u64,
    ) -> Result {
        let SplitOff { lot, part, .. } = accounts;
        let whole = *lot.read(context)?;
        require!(!whole.is_held.get(), SupplyError::OnHold);
        let left = whole
            .units
            .get()
            .checked_sub(units)
            .filter(|left| *left > 0);
        let left = left.ok_or(SupplyError::NoUnits)?;
        require!(units > 0, SupplyError::NoUnits);
        let state = Lot {
            target: NONE,
            units: units.into(),
            steps: 0.into(),
            ..whole
        };
        part.set(context, &state)?;
        step(part, context, Kind::Part, whole.site, units)?;
        let mut state = lot.write(context)?;
        state.units.set(left);
        // The offer was of the whole.
        state.target = NONE;
        drop(state);
        step(lot, context, Kind::Split, whole.site, left)
    }

    /// Ends a lot: it was used up, or destroyed.
    #[instruction(7)]
    pub fn retire(accounts: &Retire<'_>, context: &mut Context<'_, '_>) -> Result {
        let lot = *accounts.lot.read(context)?;
        require!(!lot.is_held.get(), SupplyError::OnHold);
        let units = lot.units.get();
        accounts.stock.add(context, Stock::SHIPPED, units)?;
        let mut state = accounts.lot.write(context)?;
        state.units.set(0);
        state.target = NONE;
        drop(state);
        step(&accounts.lot, context, Kind::Retired, lot.site, units)
    }

    /// Gives an auditor the right to certify lots up to this slot; 0 takes the right back, and with
    /// it the worth of the auditor's certificates.
    #[instruction(8)]
    pub fn accredit(
        accounts: &Accredit<'_>,
        context: &mut Context<'_, '_>,
        auditor: Address,
        valid_until: u64,
    ) -> Result {
        let product = *accounts.product.address();
        let state = Accreditation {
            product,
            auditor,
            valid_until: valid_until.into(),
        };
        accounts.accreditation.set(context, &state)
    }

    /// Certifies a lot and its parts up to this slot; 0 takes the certificate back.
    #[instruction(9)]
    pub fn certify(accounts: &Certify<'_>, context: &mut Context<'_, '_>, until: u64) -> Result {
        let last = accounts.accreditation.read(context)?.valid_until.get();
        require!(slot(context)? <= last, SupplyError::NotAccredited);
        let (lot, auditor) = (*accounts.lot.address(), *accounts.auditor.address());
        let state = Certificate {
            lot,
            auditor,
            valid_until: until.into(),
        };
        accounts.certificate.set(context, &state)?;
        let certificate = *accounts.certificate.address();
        Certified { certificate, until }.emit(context)
    }

    /// Holds a lot back, or no longer.
    #[instruction(10)]
    pub fn hold(accounts: &Hold<'_>, context: &mut Context<'_, '_>, is_held: bool) -> Result {
        let lot = *accounts.lot.read(context)?;
        accounts.lot.write(context)?.is_held.set(is_held);
        let kind = if is_held { Kind::Held } else { Kind::Freed };
        step(&accounts.lot, context, kind, lot.site, lot.units.get())
    }

    /// Recalls all lots with a number below this one.
    #[instruction(11)]
    pub fn recall(accounts: &Recall<'_>, context: &mut Context<'_, '_>, below: u64) -> Result {
        let actor = accounts.actor.address();
        let mut product = accounts.product.write(context)?;
        let may_recall = [product.maker, product.regulator].contains(actor);
        require!(may_recall, SupplyError::MayNotRecall);
        let below = product.recalled.get().max(below);
        product.recalled.set(below);
        drop(product);
        let product = *accounts.product.address();
        Recalled { product, below }.emit(context)
    }

    /// Adds a step to what a lot has gone through.
    fn step(
        lot: &Mut<State<'_, Lot>>,
        context: &mut Context<'_, '_>,
        kind: Kind,
        from: Address,
        units: u64,
    ) -> Result {
        let state = *lot.read(context)?;
        let step = Step {
            lot: *lot.address(),
            number: state.steps.get(),
            kind,
            from,
            to: state.site,
            units,
            slot: slot(context)?,
        };
        let head = context.hash(&[&state.head, &encode(&step)])?;
        let mut state = lot.write(context)?;
        state.head = head;
        state.steps.increase(1)?;
        drop(state);
        step.emit(context)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
