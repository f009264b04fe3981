"""Proposed changes to a watched script, as a diff: made from a finding's remedy where a safe edit of the text is known."""

from assay.face.fix.propose import Proposal, Scene, propose

__all__ = ["Proposal", "Scene", "propose"]
