// freshet-engine allocates with jemalloc, which is linked before the C library and reads this. A message is made by one
// thread and freed by another, for which glibc's arenas have one lock: with jemalloc a link carries a third more small
// messages. And tensors come and go by the megabyte with every step: glibc either returns them to the system each time,
// which costs a seventh of the training in page faults, or keeps them for good; jemalloc returns what has not been used
// for ten seconds.

extern "C" {
// By threads of its own, so that no step waits for it; and for large blocks as for all others, which it would else
// return at once.
const char* malloc_conf = "background_thread:true,oversize_threshold:0";   // NOLINT: the name and the type are jemalloc's
}
