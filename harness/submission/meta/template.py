"""The meta file that a person fills in, with comments."""

from harness.submission.editions.profiles import Profile

AUTO = "auto"
"""Stands for the value that lbar knows."""

PLACEHOLDERS = frozenset(
    {"Lastname", "Firstname", "name@institute.org", "INST", "Name of the Institute", "City, Country", AUTO}
)
"""What the template has where only the person knows the value; none of it may be left."""

_ABOUT = {
    "input_sampling_rate": "of the audio that goes into the system, such as 32kHz",
    "acoustic_features": "one or several: log-mel energies, waveform, ...",
    "text_embeddings": "RoBERTa, BERT, TF-IDF, ...",
    "audio_augmentation": "one or several, or !!null",
    "text_augmentation": "one or several, or !!null",
    "learning_scheme": "supervised, self-supervised, distillation, ...",
    "ensemble": "number of systems, or !!null where it is one",
    "audio_modelling": "PaSST, CNN14, ...",
    "text_modelling": "RoBERTa, Sentence-BERT, ...",
    "loss_function": "NT-Xent, triplet, ...",
    "optimizer": "Adam, ...",
    "learning_rate": "a number; with a schedule its highest value",
    "metric_monitored": "what chose the checkpoint",
}


def template(profile: Profile) -> str:
    """A meta file with comments, for a person to fill in; `auto` is filled in from the run."""
    described = "\n".join(
        f"    {key}: {AUTO}{' ' * max(1, 24 - len(key))}# {_ABOUT[key]}" if key in _ABOUT else f"    {key}: {AUTO}"
        for key in profile.described_by
    )
    measures = "\n".join(f"    {name}: {AUTO}" for name in profile.results.measures)
    return f"""\
# Meta information for {profile.title or profile.name}.
# `{AUTO}` is filled in from the run and its system's card. What you write in its place is kept as it is, and so are
# keys that lbar does not know: a template of the organisers, filled in, does as well as this one, and wins over it.
# Where something does not apply write !!null, alone. No tabs.

submission:
  # Last name of the corresponding author, abbreviation of their institute, task, number of the system (1 to 4).
  # The number is counted up from here where several runs are handed in.
  label: Lastname_INST_task{profile.task}_1
  name: {AUTO}              # for tables, where there is room
  abbreviation: {AUTO}      # for narrow tables: at most 10 characters, another one for each system
  # In the order of the report; mark exactly one with `corresponding: true`.
  authors:
    - lastname: Lastname
      firstname: Firstname
      email: name@institute.org
      corresponding: true
      affiliation:
        abbreviation: INST
        institute: Name of the Institute
        department: !!null    # optional
        location: City, Country
    # - lastname: ...         # the next author, without `corresponding`

system:
  # General tags, for statistics over all submissions.
  description:
{described}
  complexity:
    total_parameters: {AUTO}  # of all parts together, frozen ones too
  train_datasets: {AUTO}
  validation_datasets: {AUTO}
  source_code: !!null       # an address; recommended

results:
  {profile.results.section}:
{measures}

# Where several runs are handed in, what differs between them, by the name their table row has:
# systems:
#   linear:
#     submission: {{name: A linear baseline, abbreviation: LIN}}
#     system: {{description: {{loss_function: !!null}}}}
"""
