//! Solana's judgement of bytes, and the assertion that ours is the same.

use lockstep_runtime::wire::limits::{PACKET_SIZE_MAX, V1_SIZE_MAX};
use lockstep_runtime::wire::{Message, TransactionView, Version};
use solana_message::VersionedMessage;
use solana_transaction::versioned::VersionedTransaction;

/// What `solana-transaction` makes of `bytes`: deserialised to the last byte and sanitised.
pub(crate) fn judge(bytes: &[u8]) -> Option<VersionedTransaction> {
    let transaction: VersionedTransaction = wincode::deserialize_exact(bytes).ok()?;
    transaction.sanitize().ok()?;
    Some(transaction)
}

/// Asserts that both sides accept `bytes` and read the same, or that both refuse them. The size
/// limits are ours alone: Solana enforces them before it deserialises.
///
/// Returns whether the bytes were accepted.
pub(crate) fn assert_agreement(bytes: &[u8]) -> bool {
    let judged = judge(bytes).filter(|transaction| {
        bytes.len()
            <= match transaction.message {
                VersionedMessage::Legacy(_) | VersionedMessage::V0(_) => PACKET_SIZE_MAX,
                VersionedMessage::V1(_) => V1_SIZE_MAX,
            }
    });
    match (TransactionView::parse(bytes), judged) {
        (Ok(view), Some(transaction)) => {
            assert_same_fields(&view, &transaction);
            assert_rebuilds(&view);
            true
        }
        // They know such a transaction without what signers of other schemes add.
        (Ok(view), None) if view.has_scheme_signatures() => {
            let others = view.scheme_signatures();
            let sizes = others.map(|other| other.key.len() + other.signature.len());
            let size: usize = sizes.sum();
            assert_agreement(&bytes[..bytes.len() - size])
        }
        (Err(_), None) => false,
        (ours, theirs) => panic!("ours: {ours:?}\ntheirs: {theirs:?}\nbytes: {bytes:02x?}"),
    }
}

fn assert_same_fields(view: &TransactionView<'_>, transaction: &VersionedTransaction) {
    let message = &transaction.message;
    let version = match message {
        VersionedMessage::Legacy(_) => Version::Legacy,
        VersionedMessage::V0(_) => Version::V0,
        VersionedMessage::V1(_) => Version::V1,
    };
    assert_eq!(view.version(), version);
    assert!(
        view.signatures()
            .iter()
            .eq(transaction.signatures.iter().map(|s| s.as_array()))
    );
    assert_eq!(view.message_bytes(), message.serialize());
    let header = message.header();
    assert_eq!(view.required_signatures(), header.num_required_signatures);
    assert_eq!(view.readonly_signed(), header.num_readonly_signed_accounts);
    assert_eq!(
        view.readonly_unsigned(),
        header.num_readonly_unsigned_accounts
    );
    let keys = message.static_account_keys();
    assert!(
        view.static_keys()
            .iter()
            .eq(keys.iter().map(|key| key.as_array()))
    );
    assert_eq!(view.static_key(0), keys.first().copied());
    assert_eq!(view.fee_payer(), keys[0].as_array());
    assert_eq!(
        view.recent_blockhash(),
        message.recent_blockhash().as_bytes()
    );

    let instructions = message.instructions();
    assert_eq!(view.instructions().len(), instructions.len());
    for (ours, theirs) in view.instructions().zip(instructions) {
        assert_eq!(ours.program_index, theirs.program_id_index);
        assert_eq!(ours.accounts, theirs.accounts);
        assert_eq!(ours.data, theirs.data);
    }
    let lookups = message.address_table_lookups().unwrap_or_default();
    assert_eq!(view.lookups().len(), lookups.len());
    for (ours, theirs) in view.lookups().zip(lookups) {
        assert_eq!(ours.table, theirs.account_key.as_array());
        assert_eq!(ours.writable, theirs.writable_indexes);
        assert_eq!(ours.readonly, theirs.readonly_indexes);
    }
    let writable: usize = lookups
        .iter()
        .map(|lookup| lookup.writable_indexes.len())
        .sum();
    let readonly: usize = lookups
        .iter()
        .map(|lookup| lookup.readonly_indexes.len())
        .sum();
    assert_eq!(view.writable_lookup_count(), writable);
    assert_eq!(view.readonly_lookup_count(), readonly);
    assert_eq!(view.account_count(), keys.len() + writable + readonly);

    let config = match message {
        VersionedMessage::V1(message) => message.config,
        VersionedMessage::Legacy(_) | VersionedMessage::V0(_) => Default::default(),
    };
    let ours = view.config();
    assert_eq!(ours.priority_fee, config.priority_fee);
    assert_eq!(ours.compute_unit_limit, config.compute_unit_limit);
    assert_eq!(
        ours.loaded_accounts_data_size_limit,
        config.loaded_accounts_data_size_limit
    );
    assert_eq!(ours.heap_size, config.heap_size);

    // The header's own words, since Solana's answer already has programs demoted.
    let signers = usize::from(header.num_required_signatures);
    let writable_signers = signers - usize::from(header.num_readonly_signed_accounts);
    let writable_end = keys.len() - usize::from(header.num_readonly_unsigned_accounts);
    for index in 0..=keys.len() {
        assert_eq!(view.is_signer(index), message.is_signer(index));
        let is_writable =
            (0..writable_signers).contains(&index) || (signers..writable_end).contains(&index);
        assert_eq!(view.is_writable_static(index), is_writable);
    }
}

fn assert_rebuilds(view: &TransactionView<'_>) {
    let message = Message::from(view);
    assert_eq!(message.encode().as_deref(), Ok(view.message_bytes()));
    let bytes = message.with_signatures(view.signatures());
    assert_eq!(bytes.as_deref(), Ok(view.bytes()));
}
