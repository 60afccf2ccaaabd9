"""Sources of MEG and EEG: MNE-Python's objects for three dipoles at 10 dB in a spherical head."""

import mne
import numpy as np

CENTRE = np.array([0.0, 0.0, 0.04])
SNR_DB = 10
N_TIMES = 30


def eeg_info():
    montage = mne.channels.make_standard_montage("biosemi64")
    raw = mne.io.RawArray(np.zeros((len(montage.ch_names), 1)), mne.create_info(montage.ch_names, 100.0, "eeg"))
    raw.set_montage(montage).set_eeg_reference(projection=True)
    return raw.info


def meg_info(n_sensors=102):
    """Point magnetometers on a helmet, facing outwards."""
    info = mne.create_info([f"MEG{i:03d}" for i in range(n_sensors)], 100.0, "mag")
    i = np.arange(n_sensors) + 0.5
    z, angle = 1 - 1.1 * i / n_sensors, np.pi * (1 + 5**0.5) * i
    side = np.sqrt(1 - z * z)
    with info._unlock():
        info["dev_head_t"] = mne.transforms.Transform("meg", "head", np.eye(4))
    for channel, outwards in zip(
        info["chs"], np.stack([side * np.cos(angle), side * np.sin(angle), z], 1), strict=True
    ):
        along = np.cross(outwards, [1.0, 0.0, 0.0])
        along /= np.linalg.norm(along)
        channel["loc"][:] = np.concatenate([CENTRE + 0.12 * outwards, along, np.cross(outwards, along), outwards])
        channel["coil_type"] = mne.io.constants.FIFF.FIFFV_COIL_POINT_MAGNETOMETER
    return info


def forward_solution(kind):
    """Forward solution of a spherical head on a grid of 2 cm, for "meg" or "eeg"."""
    with mne.use_log_level("ERROR"):
        info = meg_info() if kind == "meg" else eeg_info()
        sphere = mne.make_sphere_model(CENTRE, None if kind == "meg" else 0.095)
        source_space = mne.setup_volume_source_space(
            pos=20.0, sphere=(*CENTRE, 0.075), sphere_units="m", mindist=0, exclude=30
        )
        return mne.make_forward_solution(info, None, source_space, sphere, eeg=kind == "eeg", meg=kind == "meg")


class Case:
    """Three dipoles of equal power at the sensors, 4 cm apart and more, with their noise and evoked data."""

    def __init__(self, forward, seed):
        rng = np.random.default_rng(seed)
        self.forward, places = forward, forward["source_rr"]
        apart = np.zeros(3)
        while apart.min() < 0.04:
            self.sources = np.sort(rng.choice(len(places), 3, replace=False))
            self.positions = places[self.sources]
            apart = np.linalg.norm(self.positions - np.roll(self.positions, 1, axis=0), axis=1)
        times = np.arange(N_TIMES) / 100
        courses = np.stack([np.sin(2 * np.pi * f * times + f) * np.hanning(N_TIMES) for f in (7, 9, 13)])
        gain = forward["sol"]["data"].reshape(forward["nchan"], len(places), -1)
        self.moments = []
        signal = np.zeros((forward["nchan"], N_TIMES))
        for source, position, course in zip(self.sources, self.positions, courses, strict=True):
            direction = np.cross(rng.standard_normal(3), position - CENTRE) if gain.shape[2] == 3 else np.ones(1)
            field = gain[:, source] @ direction
            strength = 1e-13 / (np.linalg.norm(field) * np.linalg.norm(course))
            signal += strength * np.outer(field, course)
            self.moments.append(strength * np.outer(direction, course))
        noise_std = np.sqrt(np.mean(signal**2) / 10 ** (SNR_DB / 10))
        info = forward["info"].copy()
        full = meg_info() if "MEG000" in info["ch_names"] else eeg_info()
        kind = "mag" if "MEG000" in info["ch_names"] else "eeg"
        with mne.use_log_level("ERROR"):
            self.noise_cov = mne.make_ad_hoc_cov(full, std={kind: noise_std})
            self.evoked = mne.EvokedArray(signal + noise_std * rng.standard_normal(signal.shape), full)
            self.evoked.apply_proj()
        self.noise_var = noise_std**2

    def errors(self, positions):
        """Distance from each true dipole to the next of `positions`."""
        return np.linalg.norm(self.positions[:, None] - np.asarray(positions)[None], axis=2).min(axis=1)

    def errors_of(self, dipoles):
        return self.errors([dipole.pos[0] for dipole in dipoles])
