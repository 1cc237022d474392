"""Addressing a memory by content and by place, as the neural Turing machine does.

Limit case: with the gate open, no shift and no sharpening only the content counts.
"""
