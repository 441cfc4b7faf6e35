// Credit: whether it is worth to remember what was worked out, which costs as much again: as long as what is remembered is met again.
//
// Threads: one at a time. Errors: none.
#pragma once
#include <algorithm>

namespace keelson::kinds {

class Credit {
 public:
  /// What was remembered has been met.
  void earn() { credit_ = std::min(credit_ + 1, kMax); }
  /// Whether the next one is to be remembered; without credit that is tried now and then.
  bool spend() {
    if (credit_ > 0) return --credit_, true;
    return ++passed_ % kPassedWithoutCredit == 0;
  }

 private:
  static constexpr int kAtFirst = 8, kMax = 32, kPassedWithoutCredit = 64;
  int credit_ = kAtFirst, passed_ = 0;
};

}  // namespace keelson::kinds
