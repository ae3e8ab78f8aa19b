"""Drives a node with solana-py and solders. Argument: HTTP URL."""
import asyncio
import sys
import time

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.core import RPCException
from solana.rpc.models import TxOpts
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction, VersionedTransaction

client = AsyncClient(sys.argv[1], commitment=Confirmed)
payer, friend = Keypair(), Keypair()
SOL = 1_000_000_000


async def step(name, work):
    start = time.time()
    result = await work
    print(f"solana-py: {name} ({round((time.time() - start) * 1000)} ms)", flush=True)
    return result


def pay(lamports):
    return transfer(
        TransferParams(from_pubkey=payer.pubkey(), to_pubkey=friend.pubkey(), lamports=lamports)
    )


async def blockhash() -> Hash:
    return (await client.get_latest_blockhash()).value.blockhash


async def airdrop():
    signature = (await client.request_airdrop(payer.pubkey(), 10 * SOL)).value
    await client.confirm_transaction(signature)
    assert (await client.get_balance(payer.pubkey())).value == 10 * SOL


async def legacy():
    message = Message.new_with_blockhash([pay(SOL)], payer.pubkey(), await blockhash())
    transaction = Transaction.new_unsigned(message)
    transaction.sign([payer], message.recent_blockhash)
    signature = (await client.send_transaction(transaction)).value
    await client.confirm_transaction(signature)
    assert (await client.get_balance(friend.pubkey())).value == SOL
    return signature


async def versioned():
    message = MessageV0.try_compile(payer.pubkey(), [pay(SOL)], [], await blockhash())
    transaction = VersionedTransaction(message, [payer])
    simulated = (await client.simulate_transaction(transaction, sig_verify=True)).value
    assert simulated.err is None and simulated.units_consumed > 0
    signature = (await client.send_transaction(transaction)).value
    await client.confirm_transaction(signature)
    found = (await client.get_transaction(signature, max_supported_transaction_version=0)).value
    assert found.transaction.meta.err is None
    assert (await client.get_balance(friend.pubkey())).value == 2 * SOL


async def failing():
    message = MessageV0.try_compile(payer.pubkey(), [pay(1_000 * SOL)], [], await blockhash())
    transaction = VersionedTransaction(message, [payer])
    try:
        await client.send_transaction(transaction)
    except RPCException as failure:
        assert "custom program error: 0x1" in str(failure), failure
    else:
        raise AssertionError("it was sent")
    options = TxOpts(skip_preflight=True)
    signature = (await client.send_transaction(transaction, opts=options)).value
    for _ in range(50):
        status = (await client.get_signature_statuses([signature])).value[0]
        if status is not None:
            break
        await asyncio.sleep(0.1)
    assert status.err is not None


async def history(signature):
    entries = (await client.get_signatures_for_address(friend.pubkey())).value
    assert signature in [entry.signature for entry in entries]
    slot = (await client.get_transaction(signature)).value.slot
    block = (await client.get_block(slot, max_supported_transaction_version=0)).value
    assert block.block_height > 0
    assert (await client.get_block_time(slot)).value > 1_600_000_000
    assert slot in (await client.get_blocks(slot, slot + 1)).value


async def cluster():
    assert await client.is_connected()
    await client.get_epoch_info()
    await client.get_epoch_schedule()
    await client.get_version()
    await client.get_identity()
    await client.get_supply()
    await client.get_cluster_nodes()
    await client.get_vote_accounts()
    await client.get_leader_schedule()
    await client.get_inflation_governor()
    await client.get_inflation_rate()
    await client.get_recent_performance_samples(1)
    await client.get_largest_accounts()
    await client.get_minimum_balance_for_rent_exemption(80)


async def main():
    await step("airdrop and confirm", airdrop())
    first = await step("transfer", legacy())
    await step("a versioned message, simulated and sent", versioned())
    await step("a failing transfer: error, and status on the chain", failing())
    await step("history and blocks", history(first))
    await step("what the cluster is", cluster())
    await client.close()


asyncio.run(main())
