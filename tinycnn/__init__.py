"""tinycnn: trained CNNs on microcontrollers, the same bytes everywhere."""

__version__ = "0.1.0"
