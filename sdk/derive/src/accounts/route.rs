//! The way from a set to one of its accounts or to a value in a state, as attributes write it:
//! `owner`, `desk.raffle`, `raffle.authority`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Expr, ExprField, Ident, Member, Result, Token,
    parse::{Parse, ParseStream},
};

use super::parse::{Field, Set};
use crate::common::{error, fresh, plain_name};

/// Names from the outside in; at least one.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) names: Vec<Ident>,
}

/// What a route leads to.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Target {
    /// An account of the set, or of a set in it.
    Account,
    /// A value in the state of an account.
    Value,
}

impl Parse for Route {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut names = vec![input.parse()?];
        while input.parse::<Option<Token![.]>>()?.is_some() {
            names.push(input.parse()?);
        }
        if input.peek(Token![@]) {
            return Err(input.error(
                "a relation has an error of its own; for another one write `check(condition, \
                 YourError::Name)`",
            ));
        }
        Ok(Self { names })
    }
}

impl ToTokens for Route {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let names = &self.names;
        tokens.extend(quote!(#(#names).*));
    }
}

impl Route {
    /// The route that an expression is, if it begins with a field of the set.
    pub(super) fn of(set: &Set, expression: &Expr) -> Option<Self> {
        let route = Self::names_of(expression)?;
        set.field(route.first()).map(|_| route)
    }

    fn names_of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Path(path) => path.path.get_ident().map(|name| Self {
                names: vec![name.clone()],
            }),
            Expr::Field(ExprField {
                base,
                member: Member::Named(name),
                ..
            }) => {
                let mut route = Self::names_of(base)?;
                route.names.push(name.clone());
                Some(route)
            }
            _ => None,
        }
    }

    pub(super) fn first(&self) -> &Ident {
        &self.names[0]
    }

    pub(super) fn last(&self) -> &Ident {
        self.names.last().expect("a route has a name")
    }

    fn rest(&self) -> &[Ident] {
        &self.names[1..]
    }

    pub(super) fn span(&self) -> Span {
        self.last().span()
    }

    /// The names in one, for a parameter.
    pub(super) fn joined(&self) -> Ident {
        match &self.names[..] {
            [name] => name.clone(),
            names => {
                let names: Vec<String> = names.iter().map(plain_name).collect();
                Ident::new(&names.join("_"), self.first().span())
            }
        }
    }

    /// The names joined by dots, for messages and the description.
    pub(super) fn text(&self) -> String {
        let names: Vec<String> = self.names.iter().map(plain_name).collect();
        names.join(".")
    }

    /// The field of the set that it begins with.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn field<'s>(&self, set: &'s Set) -> Result<&'s Field> {
        match set.field(self.first()) {
            Some(field) => Ok(field),
            None => error(
                self.first(),
                format!("the set has no field `{}`", self.first()),
            ),
        }
    }

    /// What it leads to.
    ///
    /// # Errors
    /// If it cannot lead anywhere, or only where an account may be absent.
    pub(super) fn target(&self, set: &Set, own: &Field) -> Result<Target> {
        let field = self.field(set)?;
        if (field.is_optional() || field.is_rest()) && field.name != own.name {
            return error(
                self.first(),
                format!(
                    "`{}` may be absent or several: a relation needs one account that is always \
                     there",
                    self.first()
                ),
            );
        }
        if self.names.len() == 1 {
            return Ok(Target::Account);
        }
        if field.is_stateful() {
            return Ok(Target::Value);
        }
        if field.is_single() || field.is_program() {
            return error(
                self.last(),
                format!(
                    "`{}` has no fields to name: fields of a `State<..>` and of sets in the set \
                     can be named",
                    self.first()
                ),
            );
        }
        Ok(match self.names.len() {
            2 => Target::Account,
            _ => Target::Value,
        })
    }

    /// The field itself; the one that the checks are of is `own`, a reference.
    fn root(&self, own: &Field) -> TokenStream {
        if *self.first() == own.name {
            let own = fresh("own");
            return quote!(#own);
        }
        let first = self.first();
        quote!(self.#first)
    }

    /// The account's handle, in a check of the field `own`.
    pub(super) fn handle(&self, own: &Field) -> TokenStream {
        let (root, rest) = (self.root(own), self.rest());
        quote_spanned!(self.span() => #root #(.#rest)*.handle())
    }

    /// The account's address, in a check of the field `own`.
    pub(super) fn address(&self, own: &Field) -> TokenStream {
        let (root, rest) = (self.root(own), self.rest());
        quote_spanned!(self.span() => #root #(.#rest)*.address())
    }

    /// Statements that bring the value in reach, and a reference to it.
    pub(super) fn value(&self, set: &Set, own: &Field) -> (TokenStream, TokenStream) {
        let (sdk, root, context) = (&set.sdk, self.root(own), fresh("context"));
        let mut steps = TokenStream::new();
        let rest = self.rest();
        let mut place = match *self.first() == own.name {
            true => root,
            false => quote!(&#root),
        };
        let is_state = set.field(self.first()).is_some_and(Field::is_stateful);
        // Behind a state there are plain fields only; otherwise each step may be one.
        let reached = if is_state { 1 } else { rest.len() };
        for (index, name) in rest.iter().enumerate() {
            if index < reached {
                let guard = fresh(&format!("reached_{index}"));
                steps.extend(quote_spanned! { name.span() =>
                    let #guard = #sdk::set::Reach::reach(#place, &*#context)?;
                });
                place = quote!(&#guard.#name);
            } else {
                place = quote!(#place.#name);
            }
        }
        (steps, place)
    }

    /// A reference to the address that a client names or derives, in `metas`.
    pub(super) fn client_address(&self, set: &Set) -> TokenStream {
        let (first, rest) = (self.first(), self.rest());
        if rest.is_empty() {
            return super::client::address_of(set, first);
        }
        let (sdk, names) = (&set.sdk, rest.iter().map(plain_name));
        let field = set.field(first).expect("the route was resolved");
        let (ty, args) = (field.as_type(set), field.args_of(set));
        let addresses = fresh("addresses");
        quote_spanned! { self.span() =>
            &#sdk::set::address_in::<#ty>(&#addresses.#first, &#args, &[#(#names),*])
        }
    }
}
