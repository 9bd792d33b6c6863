"""Features of sound: functions over arrays, and how they are worked out of recordings of any length."""
