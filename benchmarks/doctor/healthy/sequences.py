"""Healthy: texts and series."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.faults.start import Tied
from benchmarks.doctor.network import Attentive


@healthy("gru-sms", "transformer-sms")
def rare_words(k: Kit) -> float:
    """A vocabulary in which most words are seen a few times only."""
    rows = data.sms(3000, 20)
    model = k.network(vocab=3000)
    return k.fit(model, rows=rows)


@healthy("lm-gru")
def head_tied_to_the_embedding(k: Kit) -> float:
    return k.fit(Tied(65, 48, 0.05))


@healthy("lm-transformer")
def small_language_model(k: Kit) -> float:
    model = Attentive(65, tokens=24, vocab=65, causal=True, depth=2, width=32, drop=0.1)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1, betas=(0.9, 0.95))
    return k.fit(model, optimizer=optimizer, clip=1.0, batch=32, max_steps=150)


@healthy("lm-gru")
def state_carried_over(k: Kit) -> float:
    """One long text read piece by piece; the state goes on, its graph does not."""
    ids = data.shakespeare().x[:640].reshape(16, -1)
    embed_size = 24
    model = nn.ModuleDict(
        {"embed": nn.Embedding(65, embed_size), "lstm": nn.LSTM(embed_size, 48, batch_first=True), "fc": nn.Linear(48, 65)}
    )
    optimizer, state = torch.optim.Adam(model.parameters(), lr=5e-3), None
    with k.watch(model, optimizer, steps=110) as w:
        for n in range(110):
            at = (n * 20) % (ids.shape[1] - 21)
            x, y = ids[:, at : at + 20], ids[:, at + 1 : at + 21]
            out, state = model["lstm"](model["embed"](x), state)
            state = tuple(s.detach() for s in state)
            loss = functional.cross_entropy(model["fc"](out).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            w.step(loss, inputs=x)
    return -float(loss)


class Packed(nn.Module):
    """Texts of their own lengths, packed."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn, self.fc = nn.Embedding(800, 24, padding_idx=0), nn.LSTM(24, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        lengths = (x > 0).sum(1).clamp(min=1)
        rows = torch.stack([row.roll(-int(len(row) - n)) for row, n in zip(x, lengths, strict=True)])
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(rows), lengths, batch_first=True, enforce_sorted=False)
        return self.fc(self.rnn(packed)[1][0][-1])


@healthy("gru-sms")
def packed_texts(k: Kit) -> float:
    return k.fit(Packed(), batch=32, epochs=3)


class Bag(nn.Module):
    """Mean of word vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.fc = nn.EmbeddingBag(800, 24), nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.embed(x))


@healthy("gru-sms")
def bag_of_words(k: Kit) -> float:
    model = Bag()
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2))


@healthy("gru-sms")
def words_from_their_neighbours(k: Kit) -> float:
    """Skip-gram with drawn negatives: sparse gradients, two tables, most rows untouched by a step."""
    ids = data.sms().x
    model = nn.ModuleDict({"inner": nn.Embedding(800, 24, sparse=True), "outer": nn.Embedding(800, 24, sparse=True)})
    nn.init.uniform_(model["inner"].weight, -0.02, 0.02)
    nn.init.zeros_(model["outer"].weight)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)
    with k.watch(model, optimizer, steps=250) as w:
        for _ in range(250):
            row, at = torch.randint(len(ids), (128,)), torch.randint(1, 20, (128,))
            a, b, wrong = model["inner"](ids[row, at]), model["outer"](ids[row, at - 1]), model["outer"](torch.randint(800, (128, 5)))
            loss = -functional.logsigmoid((a * b).sum(1)).mean() - functional.logsigmoid(-(wrong @ a[:, :, None])[:, :, 0]).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return -float(loss)


@healthy("lstm-digits")
def two_layers_with_dropout(k: Kit) -> float:
    return k.fit(k.network(depth=2, drop=0.3))


@healthy("gru-waves")
def series_with_much_noise(k: Kit) -> float:
    rows = k.rows
    from dataclasses import replace

    y = rows.y + 0.7 * torch.randn_like(rows.y)
    return k.fit(k.network(), rows=replace(rows, y=y))


@healthy("rnn-recall")
def memory_of_four_steps(k: Kit) -> float:
    """A plain recurrence on a short memory."""
    return k.fit(k.network(), rows=data.recall(4), batch=32)


@healthy("transformer-digits", "transformer-sms")
def two_layers_norm_first(k: Kit) -> float:
    return k.fit(k.network(depth=2, drop=0.1), max_steps=150)


@healthy("transformer-digits")
def two_layers_norm_after(k: Kit) -> float:
    model = k.network(depth=2, norm_first=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return k.fit(model, optimizer=optimizer, max_steps=200)
