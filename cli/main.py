"""The command `vigie`. Exit codes: 0 done, 1 failed, 2 input or configuration wrong, 130 interrupted."""

import sys

import typer

from domain.errors import BadInput, Misconfigured, VigieError

try:
    from cli import (
        channel,
        check,
        claims,
        console,
        corrections,
        customer,
        desk,
        evaluate,
        files,
        grade,
        imports,
        init,
        learn,
        listen,
        playbooks,
        quality,
        remap,
        replay,
        run,
        status,
        sync,
        template,
        train,
        users,
    )
    from cli import demo as demo_command
    from cli.base import messages
except Misconfigured as broken:  # a listener's file that cannot be imported is fatal, and named
    sys.exit(f"vigie: {broken}")

vigie = typer.Typer(
    name="vigie",
    help="Hears public complaints, proves which customer spoke, answers on the channel that customer prefers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
vigie.command("demo")(demo_command.demo)
vigie.command("init")(init.init)
vigie.command("check")(check.check)
vigie.add_typer(imports.commands, name="import")
vigie.command("run")(run.run)
vigie.command("work")(run.work)
vigie.command("listen")(listen.listen)
vigie.command("remap")(remap.remap)
vigie.command("classify")(files.classify)
vigie.command("match")(files.match)
vigie.command("decide")(files.decide)
vigie.command("evaluate")(evaluate.evaluate)
vigie.command("train")(train.train)
vigie.command("corrections")(corrections.corrections)
vigie.command("sync")(sync.sync)
vigie.command("learn")(learn.learn)
vigie.command("quality")(quality.quality)
vigie.command("playbooks")(playbooks.playbooks)
vigie.command("segments")(playbooks.segments)
vigie.command("replay")(replay.replay)
vigie.command("status")(status.status)
vigie.command("console")(console.console)

vigie.add_typer(channel.commands, name="channel")
vigie.add_typer(claims.commands, name="claims")
vigie.add_typer(customer.commands, name="customer")
vigie.add_typer(desk.commands, name="desk")
vigie.add_typer(grade.commands, name="grade")
vigie.add_typer(template.commands, name="template")
vigie.add_typer(users.commands, name="user")


def main() -> None:
    """Run the command; every error that is foreseen ends in one line."""
    sys.exit(_run())


def _run() -> int:
    try:
        done = vigie(standalone_mode=False)
        return done if isinstance(done, int) else 0
    except (BadInput, Misconfigured) as error:
        return _say(error, 2)
    except VigieError as error:
        return _say(error, 1)
    except typer.TyperException as error:
        return _say(error.format_message() or "see --help", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except BrokenPipeError:
        # Whoever read the output has gone; nothing is left to tell him.
        sys.stdout = None
        return 0


def _say(error: object, code: int) -> int:
    messages.print(f"vigie: {' '.join(str(error).split())}", markup=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    main()
