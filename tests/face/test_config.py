"""The project's decisions: read from the nearest pyproject.toml, refused when misspelt, weaker than the command line."""

import datetime
from pathlib import Path

import pytest

from assay.core.errors import OptionError
from assay.face.config import Config, fits, read_config
from assay.rules import catalogue, find


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_no_file_means_all_rules_and_failing_on_warnings(tmp_path):
    config = read_config(tmp_path)
    assert (config.select, config.ignore, config.fail_on, config.form, config.accept) == ((), (), "warning", "text", ())


def test_every_key_is_read(tmp_path):
    config = read_config(
        written(
            tmp_path,
            """
            [tool.assay]
            select = ["DAT"]
            ignore = ["constant-column"]
            fail-on = "error"
            format = "json"
            [tool.assay.defaults]
            target = "y"
            missing = ["-99"]
            [[tool.assay.accept]]
            code = "DAT101"
            at = "country"
            why = "only sold in Portugal"
            until = 2030-01-31
            """,
        )
    )
    assert config.select == ("DAT",)
    assert config.ignore == ("constant-column",)
    assert (config.fail_on, config.form) == ("error", "json")
    assert config.defaults == {"target": "y", "missing": ["-99"]}
    (accepted,) = config.accept
    assert (accepted.code, accepted.at, accepted.until) == ("DAT101", "country", datetime.date(2030, 1, 31))
    assert config.file == tmp_path / "pyproject.toml"


def test_nearest_file_with_the_table_wins(tmp_path):
    written(tmp_path, '[tool.assay]\nfail-on = "note"')
    inner = written(tmp_path / "a" / "b", "[project]\nname = 'x'")
    assert read_config(inner).fail_on == "note"
    written(tmp_path / "a", '[tool.assay]\nfail-on = "never"')
    assert read_config(inner).fail_on == "never"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tool.assay]\nfail_on = "error"', "no key 'fail_on'; did you mean 'fail-on'?"),
        ('[tool.assay]\nfail-on = "errors"', "fail-on in [tool.assay] is 'errors'; did you mean 'error'?"),
        ('[tool.assay]\nselect = "DAT"', "select in [tool.assay] is 'DAT', expected a list"),
        ("[tool.assay]\nignore = [1]", "ignore in [tool.assay] holds 1"),
        ('[[tool.assay.accept]]\ncode = "DAT101"', "lacks 'why'"),
        ('[[tool.assay.accept]]\ncode = "DAT101"\nwhy = "fine"', "needs a reason of at least three words"),
        ('[[tool.assay.accept]]\nwhy = "it is meant so"', "lacks 'code'"),
        ('[[tool.assay.accept]]\ncode = "DAT101"\nwhy = "it is meant so"\ntill = 2030-01-01', "no key 'till'; did you mean 'until'?"),
        ('[[tool.assay.accept]]\ncode = "DAT101"\nwhy = "it is meant so"\nuntil = "soon"', "until is 'soon', expected a date"),
        ("[tool.assay.defaults]\ntarget = 3", "target is 3, expected a str"),
        ("[tool.assay.defaults]\ntraget = 'y'", "no key 'traget'; did you mean 'target'?"),
        ("[tool]\nassay = 3", "[tool.assay] is 3, expected a table"),
        ("[tool.assay\n", "is no valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path, text, said):
    with pytest.raises(OptionError) as problem:
        read_config(written(tmp_path, text))
    assert said in str(problem.value)
    assert "pyproject.toml" in str(problem.value)


def test_command_line_is_stronger():
    config = Config(select=("DAT",), fail_on="error").overridden(select=None, ignore=["SPL"], fail_on="note", form="json")
    assert (config.select, config.ignore, config.fail_on, config.form) == (("DAT",), ("SPL",), "note", "json")


def test_choose_splits_the_catalogue_and_says_why():
    rules = list(catalogue().values())
    chosen, skipped = Config(select=("DAT", "constant-column"), ignore=("dat101",)).choose(rules)
    assert "DAT101" not in [r.code for r in chosen]
    assert skipped["DAT101"] == "ignored (--ignore)"
    assert {r.code for r in chosen} | set(skipped) == {r.code for r in rules}
    assert all(r.code.startswith("DAT") for r in chosen)


def test_selector_of_no_rule_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="--ignore 'constant-colum' fits no rule; did you mean 'constant-column'"):
        Config(ignore=("constant-colum",)).choose(catalogue().values())


def test_selector_fits_code_prefix_and_name_in_any_case():
    rule = find("DAT101")
    assert all(fits(rule, s) for s in ("DAT101", "dat1", "DAT", "Constant-Column"))
    assert not any(fits(rule, s) for s in ("SPL", "constant", "AT101"))
