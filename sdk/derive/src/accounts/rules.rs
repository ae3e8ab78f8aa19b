//! What a declaration cannot mean, whatever the accounts are.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Ident, Result};

use super::{
    parse::{Field, Set},
    route::{Route, Target},
    seeds::{derivation_order, seeds},
};
use crate::common::{Errors, error};

impl Set {
    /// Collects what cannot be meant.
    pub(super) fn check(&self, errors: &mut Errors) {
        for field in &self.fields {
            let found = field
                .check_wrappers()
                .and_then(|()| self.check_relations(field))
                .and_then(|()| self.check_creation(field))
                .and_then(|()| self.check_token(field))
                .and_then(|()| seeds(self, field).map(|_| ()));
            errors.collect(found);
        }
        if errors.is_empty() {
            errors.collect(derivation_order(self).map(|_| ()));
            errors.collect(self.check_distinct());
        }
    }

    /// Every account that an attribute names is there, and always.
    fn check_relations(&self, field: &Field) -> Result<()> {
        let accounts = field.payer.iter().chain(&field.has_one).chain(&field.close);
        let accounts = accounts.chain(&field.freeze);
        for route in accounts {
            if route.target(self, field)? == Target::Value {
                return error(route, format!("`{}` is no account", route.text()));
            }
        }
        for route in field.mint.iter().chain(&field.authority) {
            route.target(self, field)?;
        }
        if let Some(route) = field
            .address
            .as_ref()
            .and_then(|address| Route::of(self, address))
        {
            route.target(self, field)?;
        }
        if let (Some(_), Some(address)) = (&field.seeds, &field.address) {
            return error(
                address,
                "an address is derived from seeds or given, not both",
            );
        }
        if field.is_rest() && (field.address.is_some() || field.associated) {
            return error(
                &field.name,
                "the accounts of a `Rest` have different addresses: name what they have in common \
                 with `has_one` or `check`",
            );
        }
        let names_state = !field.has_one.is_empty() || field.close.is_some();
        if names_state && !field.is_stateful() {
            return error(
                &field.ty,
                "`has_one` and `close` are relations of a state: `State<'a, T>`",
            );
        }
        if field.close.is_some() && !field.has("Mut") {
            return error(&field.ty, "an account that is closed is a `Mut<State<..>>`");
        }
        if field.repeats && !field.is_rest() {
            return error(
                &field.name,
                "`repeats` is for a `Rest` in which one account may stand several times; a single \
                 account says `may_repeat`",
            );
        }
        for name in field.args.iter().flatten() {
            if self.argument(name).is_none() {
                return error(name, format!("the set has no argument `{name}`"));
            }
        }
        if field.args.is_some() && !field.is_set() {
            return error(&field.ty, "only a set in the set takes arguments");
        }
        Ok(())
    }

    /// What an account that is created or resized needs: an account that pays, an address of its
    /// own, and the System program.
    fn check_creation(&self, field: &Field) -> Result<()> {
        if !field.is_created() && field.realloc.is_none() {
            return match &field.payer {
                Some(payer) => error(
                    payer,
                    "only an account that is created (`Init`) or resized (`realloc`) has a payer",
                ),
                None => Ok(()),
            };
        }
        let Some(payer) = &field.payer else {
            return error(
                &field.ty,
                "an account that is created or resized has a payer: `#[account(payer = ..)]`",
            );
        };
        self.check_payer(payer)?;
        if let Some(size) = &field.realloc
            && !(field.has("Mut") && field.has("State"))
        {
            return error(size, "an account that is resized is a `Mut<State<..>>`");
        }
        let is_derived = field.seeds.is_some() || field.associated;
        if field.is_created() && !is_derived && !field.has("Signed") {
            return error(
                &field.ty,
                "an account is created at an address that is derived, `#[account(seeds = [..])]`, \
                 or that signs, `Signed<Init<..>>`",
            );
        }
        if field.is_created() && field.is_rest() {
            return error(
                &field.ty,
                "the accounts of a `Rest` are there already: create them one by one",
            );
        }
        self.require_program(
            field,
            "System",
            "creating or resizing an account calls the System program: add the field `system: \
             Program<'a, System>`",
        )
    }

    /// The payer signs and is debited.
    fn check_payer(&self, payer: &Route) -> Result<()> {
        let field = payer.field(self)?;
        if payer.names.len() > 1 {
            // Its type is known to the compiler only.
            return Ok(());
        }
        if !field.has("Mut") {
            return error(
                payer,
                "a payer is debited: declare the field as `Mut<Signer<'a>>`",
            );
        }
        if !field.has("Signer") && !field.has("Signed") {
            return error(
                payer,
                "a payer signs: declare the field as `Mut<Signer<'a>>`",
            );
        }
        Ok(())
    }

    fn check_token(&self, field: &Field) -> Result<()> {
        if field.is_of_token() && !field.is_stateful() {
            return error(
                &field.ty,
                "`mint`, `authority`, `associated`, `decimals` and `freeze` are relations of \
                 `State` and `Init` of a `TokenAccount` or a `Mint`",
            );
        }
        if field.associated && (field.mint.is_none() || field.authority.is_none()) {
            return error(
                &field.ty,
                "an associated account follows from `mint = ..` and `authority = ..`: add both",
            );
        }
        if field.associated && (field.seeds.is_some() || field.address.is_some()) {
            return error(
                &field.ty,
                "the address of an associated account follows from mint and authority: leave \
                 `seeds` and `address` out",
            );
        }
        if !field.is_created() || !field.is_of_token() {
            return Ok(());
        }
        let is_complete =
            field.authority.is_some() && (field.mint.is_some() != field.decimals.is_some());
        if !is_complete {
            return error(
                &field.ty,
                "a token account is created with `mint = ..` and `authority = ..`, a mint with \
                 `authority = ..` and `decimals = ..`",
            );
        }
        self.require_program(
            field,
            "Token",
            "creating it calls the Token program: add the field `token: Program<'a, Token>`",
        )?;
        if field.associated {
            self.require_program(
                field,
                "AssociatedToken",
                "creating an associated account calls its program: add the field `associated: \
                 Program<'a, AssociatedToken>`",
            )?;
        }
        Ok(())
    }

    fn require_program(&self, field: &Field, name: &str, message: &str) -> Result<()> {
        let mut programs = self.fields.iter().filter(|known| known.is_program());
        // A set in the set may have it.
        let is_open = self.fields.iter().any(Field::is_set);
        if is_open || programs.any(|known| known.content() == name) {
            return Ok(());
        }
        error(&field.ty, message)
    }

    /// Two writable fields are two accounts.
    fn check_distinct(&self) -> Result<()> {
        let keys = self.fields.iter().filter_map(|field| {
            let key = match (&field.seeds, &field.address) {
                (Some(seeds), _) => seeds.iter().map(text).collect::<Vec<_>>().join(", "),
                (None, Some(address)) => format!("address {}", text(address)),
                (None, None) => return None,
            };
            (field.is_writable() && !field.may_repeat).then_some((field, key))
        });
        let keys: Vec<(&Field, String)> = keys.collect();
        for (index, (field, key)) in keys.iter().enumerate() {
            let same = keys.iter().take(index).find(|(_, earlier)| earlier == key);
            if let Some((earlier, _)) = same {
                return error(
                    &field.name,
                    format!(
                        "`{}` and `{}` are writable and the same account: `{key}`",
                        earlier.name, field.name
                    ),
                );
            }
        }
        Ok(())
    }
}

impl Field {
    /// Wrappers that ask for a right twice, or for one that the type inside has or cannot have.
    fn check_wrappers(&self) -> Result<()> {
        for (index, outer) in self.wrappers.iter().enumerate() {
            let inner: Vec<&str> = self.wrappers[index..]
                .iter()
                .skip(1)
                .map(String::as_str)
                .collect();
            let Some(message) = wrapped(outer, &inner) else {
                continue;
            };
            return error(&self.ty, message);
        }
        Ok(())
    }
}

/// What is wrong with a wrapper around these types.
fn wrapped(outer: &str, inner: &[&str]) -> Option<String> {
    let has = |name: &str| inner.contains(&name);
    let next = *inner.first()?;
    match outer {
        "Mut" if has("Mut") => Some("`Mut` once is enough: the account is changed".to_owned()),
        "Mut" if next == "Credit" => Some(
            "`Credit` says that lamports are added and nothing else, `Mut` that the account is \
             changed: write `Credit<'a>`, or `Mut<Wallet<'a>>`"
                .to_owned(),
        ),
        "Mut" if has("Init") || has("InitIfNeeded") => {
            Some("an account that is created is writable already: leave `Mut` out".to_owned())
        }
        "Mut" if next == "Program" => Some("a program's account is never changed".to_owned()),
        "Mut" | "Signed" if next == "Option" || next == "Rest" => Some(format!(
            "`{outer}` is said of each account: write `{next}<..{outer}<..>..>`"
        )),
        "Signed" if has("Signed") || has("Signer") => {
            Some("the account signs already: leave `Signed` out".to_owned())
        }
        "Option" if next == "Option" => Some("`Option` once is enough".to_owned()),
        "Option" if next == "Rest" => {
            Some("a `Rest` may be empty already: leave `Option` out".to_owned())
        }
        "Rest" if next == "Option" => {
            Some("a `Rest` has as many accounts as there are: leave `Option` out".to_owned())
        }
        _ => None,
    }
}

fn text(expression: &Expr) -> String {
    expression.to_token_stream().to_string()
}

/// True if the tokens name this identifier, other than as a field of something.
pub(super) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    // One dot leads to a field, two are a range.
    let mut dots = 0u8;
    tokens.into_iter().any(|token| {
        let before = std::mem::take(&mut dots);
        match token {
            TokenTree::Group(group) => mentions(group.stream(), name),
            TokenTree::Ident(ident) => before != 1 && ident == *name,
            TokenTree::Punct(punct) if punct.as_char() == '.' => {
                dots = before.saturating_add(1);
                false
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        }
    })
}
