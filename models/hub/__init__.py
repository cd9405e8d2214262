"""Any Hugging Face sequence classifier in the place of a head of the shipped reading model.

spec       what the settings say of one
download   a name on the hub -> a folder of the local cache
files      what lies in such a folder, and how a broken one is told
networks   its weights, run by onnxruntime or by torch
classifier texts -> the numbers of its own labels
labels     its labels -> ours
heads      texts -> the probabilities of a head of ours, by its labels or by hypotheses (zero-shot)
reader     the shipped reader with heads put in place of its own
"""
