import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
