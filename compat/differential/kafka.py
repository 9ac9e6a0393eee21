"""Runs `java/Codec.java` against the classes of Apache Kafka; `tests/kafka.rs` calls it.

Owns: that the jars and a Java compiler are there (installed through the harness, or the run fails), and that the
classes are those of the source. The one argument is the file of messages to read; the program's lines go to
standard output.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import install  # noqa: E402

SOURCE = HERE / "java" / "Codec.java"
CLASSES = install.TOOLS / "kafka-codec"


def classes():
    """Compiles the program, once for each state of its source and of the pins."""
    install.jdk()

    def compile_into(folder):
        install.run("Kafka's codec, our program", ["javac", "-Xlint:all", "-Werror", "-cp", install.classpath(),
                                                   "-d", str(folder), str(SOURCE)])

    install.fresh(CLASSES, install.pins(SOURCE, install.CLIENTS / "kafka_tools" / "pom.xml"), compile_into)


def main():
    """Installs what is missing, then becomes the program."""
    with install.alone("install"):
        install.kafka()
        classes()
    command = ["java", *install.JVM_OPTIONS, f"-Dlog4j2.configurationFile={install.LOG4J}",
               "-cp", f"{CLASSES}:{install.classpath()}", "Codec", *sys.argv[1:]]
    sys.stdout.flush()
    os.execvp(command[0], command)


if __name__ == "__main__":
    try:
        main()
    except (install.CannotInstall, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"kafka.py: {error}")
