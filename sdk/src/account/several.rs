//! Accounts that may be absent, and the rest of an account list.

use super::{Account, Handle};
use crate::{
    Result,
    access::{AccountAccess, optional},
    interface::{AccountMeta, Address, InstructionError, InvokeContext, context::Rule},
    set::{AccountSet, Cursor},
    violation::Violation,
};

/// Absent where the program's own address stands in the place of each account, as in Anchor.
impl<'a, S: AccountSet<'a>> AccountSet<'a> for Option<S> {
    const ACCESS: &'static [AccountAccess] = {
        let list: &'static [AccountAccess] = &optional(S::ACCESS);
        list.split_at(S::ACCESS.len()).0
    };
    type Args = S::Args;
    type Addresses = Option<S::Addresses>;

    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self> {
        let (context, start) = (accounts.context(), accounts.position());
        let mut is_absent = true;
        for offset in 0..S::ACCESS.len() {
            let address = context.address(start.saturating_add(offset));
            is_absent &= address.is_ok_and(|address| address == context.program());
        }
        if !is_absent {
            return S::take(accounts).map(Some);
        }
        for _ in S::ACCESS {
            accounts.skip()?;
        }
        Ok(None)
    }

    fn check(&self, context: &mut InvokeContext<'_, '_>, args: &S::Args) -> Result {
        self.as_ref().map_or(Ok(()), |set| set.check(context, args))
    }

    fn finish(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        self.as_ref().map_or(Ok(()), |set| set.finish(context))
    }

    fn metas(addresses: &Option<S::Addresses>, args: &S::Args, metas: &mut Vec<AccountMeta>) {
        match addresses {
            Some(addresses) => S::metas(addresses, args, metas),
            // The set that this is part of knows the program and puts it here.
            None => metas.extend(
                S::ACCESS
                    .iter()
                    .map(|_| AccountMeta::readonly(ABSENT, false)),
            ),
        }
    }
}

/// Stands for the program's address until the call is complete: no account has it, since it is
/// the upper bound of all addresses.
const ABSENT: Address = Address::new_from_array([0xff; 32]);

/// Puts the program's address where accounts are absent.
pub(crate) fn fill_absent(program: &Address, metas: &mut [AccountMeta]) {
    for meta in metas.iter_mut().filter(|meta| meta.address == ABSENT) {
        meta.address = *program;
    }
}

/// What an unused place holds.
static UNUSED: Address = Address::new_from_array([0; 32]);

/// The rest of the instruction's accounts, `N` at most, each an `A`. Only the last field of a set
/// can be one. No account stands in it twice, unless the field says `#[account(repeats)]`: a sum
/// over accounts would count one of them several times.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn have_met(signers: &Rest<'_, Signer<'_>, 11>, required: &Address) -> bool {
///     signers.len() > 1 && signers.iter().any(|signer| signer.address() == required)
/// }
/// fn is_alone(signers: &Rest<'_, Signer<'_>, 11>) -> bool {
///     signers.is_empty()
/// }
/// assert_eq!(<Rest<'static, Signer<'static>, 11> as AccountSet>::ACCESS[0].count_max, 11);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rest<'a, A, const N: usize> {
    addresses: [&'a Address; N],
    start: usize,
    count: usize,
    account: std::marker::PhantomData<A>,
}

impl<'a, A: Account<'a>, const N: usize> Rest<'a, A, N> {
    const COUNT_MAX: u8 = {
        assert!(0 < N && N <= 255, "the rest holds 1 to 255 accounts");
        N.to_le_bytes()[0]
    };

    /// The number of accounts.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if there is no account.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The accounts in their order.
    pub fn iter(&self) -> impl Iterator<Item = A> {
        let taken = self.addresses.iter().take(self.count);
        let positions = self.start..;
        taken
            .zip(positions)
            .map(|(address, position)| A::at(Handle::new(address, position)))
    }
}

impl<'a, A: Account<'a>, const N: usize> AccountSet<'a> for Rest<'a, A, N> {
    const ACCESS: &'static [AccountAccess] = &[A::ACCESS.repeated(Self::COUNT_MAX)];
    type Args = ();
    type Addresses = Vec<Address>;

    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self> {
        let count = accounts.left();
        if count > N {
            let handle = accounts.peek()?;
            return Err(Violation {
                rule: Rule::Count,
                error: &InstructionError::MaxAccountsExceeded,
                expected: &format_args!("at most {N} accounts from here on"),
                got: &count,
            }
            .of_account(accounts.context(), handle));
        }
        let mut rest = Self {
            addresses: [&UNUSED; N],
            start: accounts.position(),
            count,
            account: std::marker::PhantomData,
        };
        for address in rest.addresses.iter_mut().take(count) {
            *address = accounts.take(A::ACCESS)?.address();
        }
        Ok(rest)
    }

    fn check(&self, context: &mut InvokeContext<'_, '_>, (): &()) -> Result {
        self.iter().try_for_each(|account| account.check(context))
    }

    fn metas(addresses: &Vec<Address>, (): &(), metas: &mut Vec<AccountMeta>) {
        for address in addresses {
            A::metas(address, &(), metas);
        }
    }
}
