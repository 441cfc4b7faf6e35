#include "core/plugins/readiness.hpp"

namespace keelson::plugins {

std::string Readiness::ask(base::Runtime& runtime, HookWorkers& workers, std::function<std::string()> question) {
  const std::shared_ptr<base::Waiter> waiter = runtime.waiter();
  std::shared_ptr<Asked> asked;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !under_way_;
    if (first) {
      under_way_ = std::make_shared<Asked>();
      under_way_->until = runtime.in_ms(kCheckWait_ms);
    }
    asked = under_way_;
    asked->waiting.push_back(waiter);
  }
  const auto answer = [this, asked](std::string text) {
    const std::lock_guard lock(mutex_);
    asked->answer = std::move(text);
    for (const auto& one : asked->waiting) one->notify();
    under_way_.reset();
  };
  if (first) {
    const auto taken = workers.submit([answer, question = std::move(question)] { answer(question()); });
    if (taken != HookWorkers::Taken::yes) answer(taken == HookWorkers::Taken::stopped ? "is stopping" : "has too many questions waiting");
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (asked->answer) return *asked->answer;
    }
    if (runtime.monotonic_ns() >= asked->until) return "has not answered within " + std::to_string(kCheckWait_ms) + " ms";
    waiter->wait_until(asked->until);
  }
}

}  // namespace keelson::plugins
