"""A replica that decides nothing: `python -m bench.bare_assigning NATS_URL DATABASE_URL`, until it is killed.

It takes batches from a durable consumer that its like share, commits a row for each lead, publishes an event for each,
and acknowledges: what one process of assignment cannot do without.
"""

import sys

import asyncpg
import nats
import uvloop
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.identity.v1.events_pb2 import LeadIdentified
from nats.errors import TimeoutError as NothingCame
from servicekit.events import subject_filter, subject_of

BATCH = 250
DURABLE = "bare"
INSERT = "insert into bare (lead_id, owner) select * from unnest($1::uuid[], $2::text[])"


async def main() -> None:
    """Takes, writes, publishes."""
    nats_url, database_url = sys.argv[1:]
    client = await nats.connect(nats_url)
    connection = await asyncpg.connect(database_url)
    subject = subject_filter(LeadIdentified.DESCRIPTOR.full_name)
    subscription = await client.jetstream().pull_subscribe(subject, durable=DURABLE)
    while True:
        try:
            messages = await subscription.fetch(BATCH, timeout=1)
        except NothingCame:
            continue
        leads = [LeadIdentified.FromString(message.data) for message in messages]
        await connection.execute(INSERT, [lead.lead_id for lead in leads], ["rep-000"] * len(leads))
        for message, lead in zip(messages, leads, strict=True):
            assigned = LeadAssigned(event_id=lead.event_id, lead_id=lead.lead_id)
            told = subject_of(assigned.DESCRIPTOR.full_name, lead.lead_id)
            await client.publish(told, assigned.SerializeToString())
            await message.ack()
        await client.flush(timeout=10)


if __name__ == "__main__":
    uvloop.run(main())
