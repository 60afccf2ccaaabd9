"""How experiments are run, kept, summarised and shown, whatever they are about: no family is known here."""
