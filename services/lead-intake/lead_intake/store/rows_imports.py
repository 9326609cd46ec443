"""The tables of imports: a file in sealed parts, its rows in sealed chunks, and what became of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class ImportRow(Base):
    """One file for one account. Whoever splits it into chunks holds it until `split_until`."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("state between 0 and 7", name="state"),
        Index(
            "uq_imports_account_id_file_key",
            "account_id",
            "file_key",
            unique=True,
            postgresql_where=text("state <= 4"),
        ),
        Index("ix_imports_active", "import_id", postgresql_where=text("state in (2, 6)")),
        Index("ix_imports_kept", "created_at", postgresql_where=text("not expired")),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(Integer)
    file_key: Mapped[bytes]
    sealed_name: Mapped[bytes]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    part_count: Mapped[int] = mapped_column(Integer)
    state: Mapped[int] = mapped_column(SmallInteger)
    template: Mapped[str] = mapped_column(String(40))
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    sealed_header: Mapped[bytes | None]
    is_split: Mapped[bool]
    read_share: Mapped[float] = mapped_column(Double)
    splitter: Mapped[UUID | None]
    split_until: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(200))
    undone_by: Mapped[str] = mapped_column(String(200))
    withdrawn_count: Mapped[int] = mapped_column(Integer)
    kept_count: Mapped[int] = mapped_column(Integer)
    expired: Mapped[bool]


class ImportPartRow(Base):
    """One part of a file, sealed; gone when its rows are."""

    __tablename__ = "import_parts"

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sealed: Mapped[bytes]


class ImportChunkRow(Base):
    """Up to 500 rows: sealed until they have their outcome, then counted, the refused ones kept sealed.

    States: 0 waiting, 1 done, 2 undone. The chunk stands as the delivery of its items, which have positions from 1.
    """

    __tablename__ = "import_chunks"
    __table_args__ = (
        UniqueConstraint("import_id", "number"),
        CheckConstraint("state between 0 and 2", name="state"),
        CheckConstraint("(state = 0) = (rows is not null)", name="rows"),
        Index(
            "ix_import_chunks_waiting", "import_id", "number", postgresql_where=text("state = 0")
        ),
    )

    chunk_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(Integer)
    row_count: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    rows: Mapped[bytes | None]
    refused: Mapped[bytes | None]
    accepted_count: Mapped[int] = mapped_column(SmallInteger)
    updated_count: Mapped[int] = mapped_column(SmallInteger)
    duplicate_count: Mapped[int] = mapped_column(SmallInteger)
    rejected_count: Mapped[int] = mapped_column(SmallInteger)
    quarantined_count: Mapped[int] = mapped_column(SmallInteger)
