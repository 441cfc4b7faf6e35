// What this process, its ended children or this thread have used of the machine.
//
// Threads: any. Errors: none; what the kernel does not say counts as nothing.
#pragma once
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

namespace keelson::usage {

/// User and system, all threads of this process, or (RUSAGE_CHILDREN) of the children that have ended.
inline double cpu_us(int whose = RUSAGE_SELF) {
  rusage used{};
  ::getrusage(whose, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

inline double thread_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

inline double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace keelson::usage
