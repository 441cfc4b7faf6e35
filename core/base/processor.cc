#include "core/base/processor.hpp"

#include <sched.h>

namespace keelson::base {
namespace {

struct Bound {
  int processor = kAnyProcessor;
  cpu_set_t before;   // while it is bound
};
thread_local Bound bound;

}  // namespace

int processor_here() noexcept {
  const int here = ::sched_getcpu();
  return here >= 0 && here < CPU_SETSIZE ? here : kAnyProcessor;
}

bool stay_on(int processor) noexcept {
  if (processor == bound.processor) return true;
  if (processor == kAnyProcessor) {
    bound.processor = kAnyProcessor;
    return ::sched_setaffinity(0, sizeof bound.before, &bound.before) == 0;
  }
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  if (bound.processor == kAnyProcessor && ::sched_getaffinity(0, sizeof bound.before, &bound.before) != 0) return false;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  if (!CPU_ISSET(processor, &bound.before) || ::sched_setaffinity(0, sizeof only, &only) != 0) return false;
  bound.processor = processor;
  return true;
}

}  // namespace keelson::base
