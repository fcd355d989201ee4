from generation.composer.midi import RawMidi
def read_raw_musicxml(path)->RawMidi: raise NotImplementedError
