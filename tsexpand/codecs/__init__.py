"""Files and streams: the only package that knows PyAV and OpenEXR."""

import av.logging

av.logging.set_level(None)  # FFmpeg keeps quiet: what goes wrong comes as an exception, stderr is the user's
