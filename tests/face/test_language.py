"""A text becomes a run like any other: read, trained, accounted for, reported, kept, and able to write."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.core.errors import InputError, OptionError, RunError
from assay.core.files import write_text
from assay.core.language_evidence import CorpusEvidence, LanguageEvidence
from assay.core.split_evidence import SplitEvidence
from assay.face.cli import main
from assay.face.job.language import resume, run
from assay.face.job.language_parts import prepare
from assay.face.job.language_rungs import shape_of
from assay.face.job.language_settings import LanguageSettings, language_settings
from assay.face.terminal import compare_text, run_text
from assay.face.text_api import is_text_run
from assay.table.corpus import Corpus
from assay.train.folder import RunFolder

WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "<b>", "dog", "that", "ran", "away", "from", "it")


def poem(n_words: int = 2500, seed: int = 1) -> str:
    """Lines in which each word is followed by one of two."""
    rng = np.random.default_rng(seed)
    follow = rng.permutation(len(WORDS)), rng.permutation(len(WORDS))
    word, made = 0, []
    for place in range(n_words):
        made.append(WORDS[word] + ("\n" if place % 9 == 8 else " "))
        word = int(follow[int(rng.random() < 0.3)][word])
    return "".join(made)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("language")
    (folder / "poem.txt").write_text(poem())
    small = LanguageSettings(str(folder / "poem.txt"), model="gru", layers=1, width=16, block=16, steps=80, lr="0.02")
    run(small, out=folder / "gru")
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        run(LanguageSettings(str(folder / "poem.txt"), model="n-gram", tokens="word"), out=folder / "words")
    return folder


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Runs draw no report, which takes longer than all the rest of a small one."""
    patch.setattr("assay.face.job.language.publish", lambda folder: write_text(folder.path / "report.html", ""))


@pytest.fixture
def without_pages(monkeypatch):
    draw_nothing(monkeypatch)


def test_the_run_keeps_every_stage(place):
    kept = RunFolder.open(place / "gru")
    record = kept.record()
    assert record["state"] == "finished"
    assert record["config"]["kind"] == "language"
    assert record["command"].startswith(f"assay train {place / 'poem.txt'} --model gru")
    assert set(record["seconds"]) >= {"read", "audit", "train", "ledger", "artifact"}
    corpus, split, language = (kept.first(kind) for kind in (CorpusEvidence, SplitEvidence, LanguageEvidence))
    assert corpus is not None
    assert (corpus.noun, corpus.split, corpus.documents) == ("character", "position", 1)
    assert corpus.train.tokens + corpus.valid.tokens + corpus.test.tokens == len(poem())
    assert split is not None
    assert split.row == "passage"
    assert language is not None
    assert len(language.generated) == 3
    assert all(g.text for g in language.generated)
    assert {p.name for p in (place / "gru" / "models").iterdir()} == {"constant", "n-gram", "gru"}


def test_both_sides_of_its_ledger_balance(place):
    ledger = assay.load(place / "gru").ledger
    assert ledger.unit == "bits/character"
    for side in (ledger.sources, ledger.learners):
        assert sum(b.held_out for b in side.bookings) + side.remainder == pytest.approx(ledger.reduction, abs=1e-9)
        assert side.balances
    assert [b.name for b in ledger.sources.bookings] == ["1 back", "2 back", "3-4 back", "5-8 back", "9-16 back"]
    assert [b.name for b in ledger.learners.bookings] == ["start", "embeddings", "layer 1"]


def test_words_are_counted_in_bits_a_word_and_compared_in_bits_a_byte(place):
    characters, words = (assay.load(place / name).view for name in ("gru", "words"))
    assert words.ledger is not None
    assert words.ledger.unit == "bits/word"
    told = compare_text(characters, words)
    assert "not comparable" in told
    assert re.search(r"bits/byte +\d\.\d+ +\d\.\d+ +[+-]\d", told)
    assert words.language is not None
    assert words.language.bits_per_byte["n-gram"] == pytest.approx(1.0 / 4, abs=0.25)


def test_the_report_shows_the_text_escaped_and_coloured(place):
    page = assay.load(place / "gru").report_path.read_text()
    assert "Assay of the next character" in page
    assert "rgba(213,94,0," in page
    assert "&lt;" in page
    assert "<b>" not in page
    for part in ("waterfall", "context", "ladder", "curves", "bookings", "reliability"):
        assert f'<figure id="{part}">' in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_terminal_tells_it_in_its_own_words(place):
    told = run_text(assay.load(place / "gru").view).replace("\n", " ")
    assert "The gru model removes" in told
    assert "n-gram model, which only counts" in told
    assert "held-out characters, in bits/character" in told
    assert "rows" not in told.replace("held-out rows", "")


def test_judging_again_gives_the_same_findings_and_reasons(place):
    again, kept = assay.load(place / "gru").judge(), RunFolder.open(place / "gru").read_report()
    assert again.findings == kept.findings
    assert dict(again.not_checked) == dict(kept.not_checked)
    assert "a text has no columns" in again.not_checked.values()


def test_it_writes_the_same_text_for_a_seed_from_python_and_the_command_line(place, capsys):
    trained = assay.load(place / "gru")
    text = trained.generate("the cat", 20, seed=4, temperature=0.7)
    assert text == trained.generate("the cat", 20, seed=4, temperature=0.7)
    assert main(["generate", str(place / "gru"), "the cat", "--tokens", "20", "--seed", "4", "--temperature", "0.7"]) == 0
    assert capsys.readouterr().out == f"the cat{text}\n"


def test_json_holds_every_token_with_its_probability(place, capsys):
    assert main(["generate", str(place / "words"), "the", "--tokens", "5", "--greedy", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "n-gram"
    assert "".join(piece["text"] for piece in told["pieces"]) == told["text"]
    assert sum(len(piece["tokens"]) for piece in told["pieces"]) == 5
    assert all(0 < p <= 1 for piece in told["pieces"] for p in piece["probability"])


def test_beams_find_a_text_no_less_likely_than_greed(place, capsys):
    chances = []
    for words in (["--greedy"], ["--beam", "1"], ["--beam", "4"]):
        assert main(["generate", str(place / "words"), "the", "--tokens", "6", *words, "--format", "json"]) == 0
        pieces = json.loads(capsys.readouterr().out)["pieces"]
        chances.append(np.prod([p for piece in pieces for p in piece["probability"]]))
    assert chances[0] == pytest.approx(chances[1])
    assert chances[2] >= chances[0] * (1 - 1e-9)


def test_another_model_of_the_run_can_write(place, capsys):
    assert main(["generate", str(place / "gru"), "the", "--model", "n-gram", "--tokens", "9"]) == 0
    assert capsys.readouterr().out.startswith("the")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the prompt is empty"),
        (("the Ω",), "holds 'Ω', not among the"),
        (("the", "--tokens", "0"), "writes nothing"),
        (("the", "--temperature", "-1"), "a temperature of -1.0"),
        (("the", "--top-p", "1.5"), "top-p 1.5 is no share"),
        (("the", "--top-k", "0"), "top-k 0 leaves no token"),
        (("the", "--beam", "0"), "0 beams keep no text"),
        (("the", "--greedy", "--top-k", "3"), "--top-k has no meaning beside it"),
        (("the", "--greedy", "--beam", "3"), "contradict each other"),
        (("the", "--model", "lstm"), "trained no model 'lstm'; there are 'constant', 'gru', 'n-gram'"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_reason(place, capsys, words, said):
    assert main(["generate", str(place / "gru"), *(words or ("",))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_unknown_words_of_a_prompt_are_named(place):
    with pytest.raises(OptionError, match=r"holds 'zebra', not among the .* words that"):
        assay.load(place / "words").generate("the zebra", 5)


def test_texts_predict_no_rows_and_tables_write_no_text(place, tmp_path, capsys):
    with pytest.raises(RunError, match="let it write: assay generate"):
        assay.load(place / "gru").predict({"a": [1]})
    RunFolder.create(tmp_path / "table", {"config": {"target": "y"}})
    assert main(["generate", str(tmp_path / "table"), "x"]) == 2
    assert "is a run on a table" in capsys.readouterr().err


def test_a_finished_run_is_left_alone_and_others_are_refused(place):
    assert resume(place / "gru") == place / "gru"
    with pytest.raises(RunError, match="began with steps 80, not 9"):
        resume(place / "gru", asked={"steps": 9})


def test_an_interrupted_run_goes_on_and_a_changed_text_is_noticed(tmp_path, without_pages):
    source = tmp_path / "poem.txt"
    source.write_text(poem(900))
    settings = LanguageSettings(str(source), model="n-gram")
    folder = RunFolder(run(settings, out=tmp_path / "run"))
    whole = (folder.path / "evidence/40-evaluation.json").read_text()
    (folder.path / "evidence/40-evaluation.json").unlink()
    folder.update(state="interrupted")
    resume(folder.path)
    assert folder.record()["state"] == "finished"
    assert (folder.path / "evidence/40-evaluation.json").read_text() == whole
    folder.update(state="interrupted")
    source.write_text(poem(900, seed=2))
    with pytest.raises(RunError, match="has changed since"):
        resume(folder.path)


def test_train_takes_a_text_without_a_target_for_a_language(tmp_path, capsys, without_pages):
    (tmp_path / "poem.txt").write_text(poem(700))
    words = ["train", str(tmp_path / "poem.txt"), "--model", "bigram", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "run" / "report.html")
    assert assay.load(tmp_path / "run").evaluation.model == "bigram"
    assert main(["ledger", str(tmp_path / "run"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["unit"] == "bits/character"


def test_a_text_with_a_target_stays_a_table(place):
    assert is_text_run("table.txt", None, None)
    assert not is_text_run("table.txt", "y", None)
    assert not is_text_run("table.csv", None, None)
    assert is_text_run("", None, place / "gru")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop": ("a", "b")}, "--drop a,b is for tables"),
        ({"model": "mlp"}, "no language model 'mlp'"),
        ({"tokens": "chars"}, "did you mean 'char'"),
        ({"vocab": 100}, "--vocab 100 is for --tokens word and bpe"),
        ({"block": 1}, "--block 1 is too few"),
        ({"steps": 5, "epochs": 2}, "both say how long"),
        ({"lr": "fast"}, "--lr fast is no learning rate"),
        ({"dropout": 1.0}, "--dropout 1.0 is no share"),
        ({"test": "0"}, "--test 0 is no share of the text"),
        ({"budget": -1.0}, "leaves no time"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(options, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        language_settings("poem.txt", options)


def test_options_of_texts_are_refused_for_tables():
    with pytest.raises(OptionError, match=r"--steps 5 is for texts"):
        assay.train({"a": [1, 2], "y": [0, 1]}, target="y", steps=5, quiet=True)


def test_the_command_says_what_was_asked_and_no_more():
    asked = LanguageSettings("a b.txt", model="lstm", average=True, epochs=2)
    assert asked.command("out") == "assay train 'a b.txt' --model lstm --epochs 2 --average --out out"
    assert LanguageSettings.from_json(json.loads(json.dumps(asked.to_json()))) == asked


def test_a_text_too_short_for_the_block_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has 1,\d\d\d characters to learn from; blocks of 512 need at least 5,130"):
        prepare(Corpus.of([poem(400)]), LanguageSettings("poem.txt", block=512))
    with pytest.raises(InputError, match="held out; blocks of 64"):
        prepare(Corpus.of([poem(2000)]), LanguageSettings("poem.txt", test="0.001"))


def test_many_documents_are_held_out_whole_and_few_by_position():
    documents = [poem(300, seed) for seed in range(20)]
    many = prepare(Corpus.of(documents), LanguageSettings("poems", block=8))
    assert many.split == "documents"
    assert many.test.text == "\n\n".join(documents[-2:])
    few = prepare(Corpus.of(documents[:3]), LanguageSettings("poems", block=8, test="0.2"))
    assert few.split == "position"
    assert len(few.test.text) == pytest.approx(0.2 * len(few.corpus.text), abs=1)
    assert few.fit.text + few.valid.text + few.test.text == few.corpus.text


def test_a_held_out_file_is_held_out_whole(tmp_path):
    (tmp_path / "test.txt").write_text(poem(200, seed=9))
    parts = prepare(Corpus.of([poem(800)]), LanguageSettings("poem.txt", block=8, test=str(tmp_path / "test.txt")))
    assert (parts.split, parts.test.text) == ("given", poem(200, seed=9))


def test_the_vocabulary_is_learned_from_the_training_part_alone():
    parts = prepare(Corpus.of([poem(800) + "Ω" * 200]), LanguageSettings("poem.txt", block=8))
    assert parts.evidence().test.unknown == 200
    assert any("200 of" in note and "not in the vocabulary" in note for note in parts.notes)


def test_sizes_that_were_not_asked_for_are_usual_for_the_family():
    settings = LanguageSettings("poem.txt", width=64)
    assert shape_of("transformer", 9, settings)["heads"] == 4
    assert shape_of("lstm", 9, settings) == {"vocab": 9, "layers": 1, "width": 64, "block": 64, "dropout": 0.0}


def test_a_repeated_passage_is_found_and_doubted(tmp_path, without_pages):
    text = poem(3000)
    (tmp_path / "poem.txt").write_text(text + text[:2000])
    trained = assay.load(run(LanguageSettings(str(tmp_path / "poem.txt"), model="bigram"), out=tmp_path / "run"))
    found = [f for f in trained.findings if f.code == "SPL103"]
    assert len(found) == 1
    assert "held-out passages" in found[0].saw
    assert "so that figure is too good" in run_text(trained.view).replace("\n", " ")
    corpus = trained.view.corpus
    assert corpus is not None
    assert corpus.repeated[0] in text
