"""The hall: one function a verb. It carries records from room to room and computes nothing."""
