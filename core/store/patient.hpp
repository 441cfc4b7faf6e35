// Patient: this thread is about to wait for what it commits. Then the store may append it here and now, with whatever else is
// queued, where it would have to wake its own thread, which would have to wake this one.
//
// Threads: of the thread that made it; may be nested. Ownership: on the stack. The answers of others that are due then run on this
// thread, and so do the feed's sinks: it must hold no lock that they could want.
#pragma once

namespace keelson::store {

class Patient {
 public:
  Patient() { ++depth(); }
  ~Patient() { --depth(); }
  Patient(const Patient&) = delete;
  Patient& operator=(const Patient&) = delete;
  static bool here() { return depth() != 0; }

 private:
  static int& depth() {
    static thread_local int value = 0;
    return value;
  }
};

}  // namespace keelson::store
