"""Settings come from one file, the environment and named secrets; every mistake is told in one line."""

from collections.abc import Mapping
from datetime import time
from pathlib import Path

import pytest

from config.load import load_settings
from config.settings import Settings
from domain.errors import Misconfigured

Environ = Mapping[str, str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str | bytes, name: str = "vigie.toml") -> Path:
    path = Path(name)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def complaint(text: str | bytes | None = None, environ: Environ | None = None) -> str:
    if text is not None:
        write(text)
    with pytest.raises(Misconfigured) as caught:
        load_settings(environ=environ or {})
    told = str(caught.value)
    assert "\n" not in told
    return told


class TestWhere:
    def test_without_a_file_the_defaults_hold(self, here: Path) -> None:
        settings = load_settings(environ={})
        assert settings.model_dump() == Settings(root=here).model_dump()
        assert settings.database_url() == f"sqlite:///{here}/.vigie/vigie.db"
        assert [brand.name for brand in settings.all_brands()] == [None]

    def test_the_named_file_beats_the_variable_and_the_variable_the_folder(self, here: Path) -> None:
        write("brand.name = 'folder'")
        write("brand.name = 'variable'", "v.toml")
        write("brand.name = 'named'", "n.toml")
        assert load_settings(environ={}).brand.name == "folder"
        assert load_settings(environ={"VIGIE_CONFIG": "v.toml"}).brand.name == "variable"
        assert load_settings(Path("n.toml"), {"VIGIE_CONFIG": "v.toml"}).brand.name == "named"

    def test_paths_start_from_the_folder_of_the_file(self, here: Path) -> None:
        (here / "elsewhere").mkdir()
        write("[database]", "elsewhere/vigie.toml")
        settings = load_settings(Path("elsewhere/vigie.toml"), {})
        assert settings.path("x") == here / "elsewhere" / "x"
        assert settings.database_url() == f"sqlite:///{here}/elsewhere/.vigie/vigie.db"

    @pytest.mark.parametrize("environ", [{"VIGIE_CONFIG": "nowhere.toml"}])
    def test_a_file_that_was_named_must_be_there(self, environ: Environ) -> None:
        assert complaint(environ=environ) == "nowhere.toml: no such settings file (make one with `vigie init`)"

    def test_a_folder_is_no_file(self) -> None:
        Path("folder").mkdir()
        assert complaint(environ={"VIGIE_CONFIG": "folder"}).startswith("folder: cannot be read")


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (b"brand.name = 'Caf\xe9'", "vigie.toml: is not UTF-8 text"),
            (b"\xff\xfeb\x00", "vigie.toml: is not UTF-8 text"),
            ("brand = ", "vigie.toml: is no TOML: "),
            ("brand.name = 'a'\nbrand.name = 'b'", "vigie.toml: is no TOML: "),
            ("a = " + "[" * 5000, "vigie.toml: is no TOML: "),
            ("[brand]\nnam = 'x'", "vigie.toml: unknown key brand.nam, did you mean brand.name?"),
            ("[brnd]\nname = 'x'", "vigie.toml: unknown key brnd, did you mean brand?"),
            ("[contact]\nquiet_form = '20:00'", "vigie.toml: unknown key contact.quiet_form, did you mean contact.quiet_from?"),
            ("qqqqqqqqqqqqq = 1", "vigie.toml: unknown key qqqqqqqqqqqqq"),
            ("root = '/srv'", "vigie.toml: unknown key root"),
            ("brand = 'x'", "vigie.toml: brand: "),
            ("brand.country = 'France'", "vigie.toml: brand.country: "),
            ("console.port = 70000", "vigie.toml: console.port: "),
            ("console.port = 'http'", "vigie.toml: console.port: "),
            ("reading.complaint_threshold = 1.2", "vigie.toml: reading.complaint_threshold: "),
            ("contact.quiet_weekdays = [7]", "vigie.toml: contact.quiet_weekdays: "),
            ("contact.quiet_from = 'evening'", "vigie.toml: contact.quiet_from: "),
            ("contact.min_severity_unaddressed = 'huge'", "vigie.toml: contact.min_severity_unaddressed: "),
            ("[[listeners.mastodon.instances]]\ntoken_env = 'T'", "vigie.toml: listeners.mastodon.instances.0.base_url: "),
        ],
        ids=lambda value: str(value)[:40],
    )  # fmt: skip
    def test_each_is_told_in_one_line(self, text: str | bytes, told: str) -> None:
        assert complaint(text).startswith(told)

    def test_a_file_of_some_editors_begins_with_a_mark(self) -> None:
        write(b"\xef\xbb\xbfbrand.name = 'Caf\xc3\xa9'")
        assert load_settings(environ={}).brand.name == "Café"

    def test_settings_do_not_change_after_loading(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            load_settings(environ={}).brand.name = "other"  # type: ignore[misc]


class TestEnvironment:
    @pytest.mark.parametrize(
        ("variable", "value", "path", "expected"),
        [
            ("VIGIE_BRAND__NAME", "Hirondelle", "brand.name", "Hirondelle"),
            ("VIGIE_BRAND__NAME", "[Hirondelle]", "brand.name", "[Hirondelle]"),
            ("VIGIE_BRAND__NAME", "[1, 2]", "brand.name", "[1, 2]"),
            ("VIGIE_BRAND__NAME", "{}", "brand.name", "{}"),
            ("VIGIE_BRAND__NAME", "1984", "brand.name", "1984"),
            ("VIGIE_CONSOLE__PORT", "0", "console.port", 0),
            ("VIGIE_CLOCK__OFFSET_SECONDS", "-1.5e3", "clock.offset_seconds", -1500.0),
            ("VIGIE_WORK__LEASE_SECONDS", "30", "work.lease_seconds", 30.0),
            ("VIGIE_CHANNELS__EMAIL__ON", "true", "channels.email.on", True),
            ("VIGIE_CONTACT__ENABLED", "0", "contact.enabled", False),
            ("VIGIE_CONTACT__QUIET_FROM", "21:30", "contact.quiet_from", time(21, 30)),
            ("VIGIE_CONSOLE__LANGUAGE", "en", "console.language", "en"),
            ("VIGIE_DATABASE_URL", "postgresql://u:p@h/d", "database.url", "postgresql://u:p@h/d"),
            ("VIGIE_DATABASE__URL", "sqlite://", "database.url", "sqlite://"),
            ("VIGIE_BRAND__ALIASES", "Hiro, Colis Hirondelle", "brand.aliases", ("Hiro", "Colis Hirondelle")),
            ("VIGIE_BRAND__ALIASES", '["Hiro", "a, b"]', "brand.aliases", ("Hiro", "a, b")),
            ("VIGIE_BRAND__ALIASES", "", "brand.aliases", ()),
            ("VIGIE_CONTACT__QUIET_WEEKDAYS", "5,6", "contact.quiet_weekdays", (5, 6)),
            ("VIGIE_CONTACT__QUIET_WEEKDAYS", "[0]", "contact.quiet_weekdays", (0,)),
            ("VIGIE_LISTENERS__FILES__PATHS", "in", "listeners.files.paths", ("in",)),
        ],
    )  # fmt: skip
    def test_a_variable_beats_the_file(self, variable: str, value: str, path: str, expected: object) -> None:
        write("brand.name = 'file'\nconsole.port = 9\ncontact.quiet_weekdays = [1]")
        found: object = load_settings(environ={variable: value})
        for part in path.split("."):
            found = getattr(found, part)
        assert (found, type(found)) == (expected, type(expected))

    def test_a_table_may_be_given_whole(self) -> None:
        instances = '[{base_url = "https://m.example", queries = ["#a"]}]'
        settings = load_settings(environ={"VIGIE_LISTENERS__MASTODON__INSTANCES": instances})
        assert settings.listeners.mastodon.instances[0].queries == ("#a",)

    def test_what_the_variables_do_not_name_stays_as_in_the_file(self) -> None:
        write("[brand]\nname = 'Hirondelle'\nwebsite = 'https://h.example'")
        brand = load_settings(environ={"VIGIE_BRAND__NAME": "Mésange", "PATH": "/bin"}).brand
        assert (brand.name, brand.website) == ("Mésange", "https://h.example")

    @pytest.mark.parametrize(
        ("environ", "told"),
        [
            ({"VIGIE_BRAND__NAM": "x"}, "environment: VIGIE_BRAND__NAM is no setting, did you mean VIGIE_BRAND__NAME?"),
            ({"VIGIE_BRAND_NAME": "x"}, "environment: VIGIE_BRAND_NAME is no setting, did you mean VIGIE_BRAND__NAME?"),
            ({"VIGIE_ROOT": "/srv"}, "environment: VIGIE_ROOT is no setting"),
            ({"VIGIE_BRAND__NAME__X": "x"}, "environment: VIGIE_BRAND__NAME__X is no setting"),
            ({"VIGIE_": "x"}, "environment: VIGIE_ is no setting"),
            ({"VIGIE_CONSOLE__PORT": "http"}, "environment: VIGIE_CONSOLE__PORT: "),
            ({"VIGIE_BRAND": "x"}, "environment: VIGIE_BRAND: "),
            ({"VIGIE_BRAND__ALIASES": "[1]"}, "environment: VIGIE_BRAND__ALIASES: "),
        ],
        ids=str,
    )
    def test_a_wrong_variable_is_named(self, environ: Environ, told: str) -> None:
        assert complaint(environ=environ).startswith(told)

    def test_a_variable_of_a_section_that_the_file_spoiled(self) -> None:
        assert complaint("brand = 'x'", {"VIGIE_BRAND__NAME": "y"}).startswith("vigie.toml: brand: ")

    def test_the_tests_own_variables_are_no_settings(self) -> None:
        load_settings(environ={"VIGIE_TEST_POSTGRES_URL": "postgresql://localhost/x"})


class TestSecrets:
    VARIABLE = "VIGIE_CHANNELS__EMAIL__PASSWORD"

    def password(self, **environ: str) -> str:
        settings = load_settings(environ=environ, secret_block={"smtp": "from the block"}.__getitem__)
        return settings.channels.email.password.get_secret_value()

    def test_the_file_may_not_hold_one(self) -> None:
        told = complaint("channels.email.password = 'hunter2'")
        assert told == (
            f"vigie.toml: channels.email.password is a secret: set {self.VARIABLE} or {self.VARIABLE}_FILE instead"
        )

    @pytest.mark.parametrize("value", ["hunter2", "[1]", "{a = 1}", "1e9", "true", " spaced "])
    def test_it_comes_from_the_environment_to_the_letter(self, value: str) -> None:
        assert self.password(**{self.VARIABLE: value}) == value

    def test_it_comes_from_a_file_that_the_environment_names(self) -> None:
        write("hunter2\n", "secret")
        assert self.password(**{f"{self.VARIABLE}_FILE": "secret"}) == "hunter2"
        write("[1]\n", "secret")
        assert self.password(**{f"{self.VARIABLE}_FILE": "secret"}) == "[1]"

    def test_it_comes_from_a_block_of_prefect(self) -> None:
        assert self.password(**{self.VARIABLE: "prefect:smtp"}) == "from the block"

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
    def test_a_file_that_cannot_be_read_is_named_by_its_variable(self, content: bytes | None) -> None:
        if content is not None:
            write(content, "secret")
        told = complaint(environ={f"{self.VARIABLE}_FILE": "secret"})
        assert told == f"environment: {self.VARIABLE}_FILE names a file that cannot be read"

    def test_only_a_secret_may_come_from_a_file(self) -> None:
        assert "VIGIE_BRAND__NAME_FILE is no setting" in complaint(environ={"VIGIE_BRAND__NAME_FILE": "x"})

    def test_no_message_and_no_print_shows_one(self) -> None:
        environ = {self.VARIABLE: "hunter2", "VIGIE_CONSOLE__PORT": "x"}
        assert "hunter2" not in complaint(environ=environ)
        assert "hunter2" not in repr(load_settings(environ={self.VARIABLE: "hunter2"}))


class TestBrands:
    def test_several_live_in_one_installation(self) -> None:
        write("[[brands]]\nid = 'hirondelle'\nname = 'Hirondelle'\n[[brands]]\nid = 'mesange'\ncountry = 'BE'")
        found = load_settings(environ={}).all_brands()
        assert [(brand.id, brand.name, brand.country) for brand in found] == [
            ("hirondelle", "Hirondelle", "FR"),
            ("mesange", None, "BE"),
        ]

    def test_two_of_one_id_are_refused(self) -> None:
        assert complaint("[[brands]]\nid = 'a'\n[[brands]]\nid = 'a'") == "vigie.toml: brands: two have the id 'a'"

    def test_an_unknown_key_of_one_names_the_nearest(self) -> None:
        assert complaint("[[brands]]\nid = 'a'\nnam = 'x'") == (
            "vigie.toml: unknown key brands.0.nam, did you mean brands.0.name?"
        )
