"""Multi-head latent attention: all heads make their keys and values from one short vector.

Limit case: a latent that is the token itself, without rotary features, is multi-head attention;
the absorbed form is multi-query attention, whose one key and value is the latent.
"""
