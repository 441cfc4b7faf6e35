#include "core/audit/audit.hpp"

#include <array>
#include <mutex>
#include <vector>

#include "core/base/log.hpp"

namespace keelson::audit {
namespace {

constexpr std::size_t kRecordBytes = 1024;               // about what a record takes beside its bodies
constexpr std::size_t kWriteBytes = 256u << 10;          // printed before it is written
constexpr std::int64_t kComplainEvery_ms = 60'000;

struct Queued {
  Record record;
  Stage stage;
  std::int64_t unix_us;
};

std::size_t bytes_of(const Record& record) {
  std::size_t bytes = kRecordBytes + record.request.bytes.size() + record.response.bytes.size();
  if (record.response.object) bytes += record.response.object->body().size();
  for (const auto& item : record.response.items) bytes += item->body().size();
  return bytes;
}

class WritingAudit final : public Audit {
 public:
  WritingAudit(AuditOptions options, base::Runtime& runtime, base::Metrics& metrics)
      : policy_(std::move(options.policy)), read_body_(std::move(options.read_body)), runtime_(runtime), file_(std::move(options.file)),
        events_(metrics.counter("apiserver_audit_event_total", "Audit events made and sent to the log.")),
        dropped_(metrics.counter("apiserver_audit_error_total", "Audit events that did not get into the log.", {{"plugin", "log"}})), more_(runtime.waiter()) {
    for (std::size_t i = 0; i < levels_.size(); ++i)
      levels_[i] = &metrics.counter("apiserver_audit_level_total", "Requests by the level that the policy gives them.", {{"level", std::string(text_of(static_cast<Level>(i)))}});
  }
  ~WritingAudit() override { stop(); }

  base::Outcome<void> start() {
    if (auto opened = file_.open(); !opened) return opened;
    thread_ = runtime_.spawn("audit", [this] { run(); });
    return {};
  }

  Plan plan(const auth::Attributes& attributes) override {
    const auto plan = policy_.plan(attributes);
    levels_[static_cast<std::size_t>(plan.level)]->add();
    return plan;
  }
  std::unique_ptr<Record> begin(const Plan& plan, const Request& request) override {
    auto record = std::make_unique<Record>();
    const auto& asked = request.attributes;
    record->plan = plan;
    record->id = request.id;
    record->uri = request.path;
    if (!request.query.empty()) (record->uri += '?') += request.query;
    record->verb = asked.verb;
    record->user_agent = request.user_agent;
    if (!request.remote.empty()) record->source_ips.emplace_back(request.remote);
    if (asked.user) record->user = *asked.user;
    record->resource_request = asked.resource_request;
    record->group = asked.group;
    record->version = asked.version;
    record->resource = asked.resource;
    record->subresource = asked.subresource;
    record->ns = asked.ns;
    record->name = asked.name;
    record->received_unix_us = runtime_.unix_ns() / 1000;
    record->notes = std::make_shared<Notes>();
    at(Stage::request_received, *record);
    return record;
  }

  void at(Stage stage, const Record& record) override {
    if (record.plan.omitted & bit(stage)) return;
    const auto bytes = bytes_of(record);
    Queued queued{record, stage, runtime_.unix_ns() / 1000};
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queue_.size() >= kQueueEventsMax || bytes_ + bytes > kQueueBytesMax) {
        dropped_.add();
        full_ = true;
        return;
      }
      first = queue_.empty();
      bytes_ += bytes;
      queue_.push_back(std::move(queued));
    }
    if (first) more_->notify();
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    more_->notify();
    thread_.reset();
  }

 private:
  void run() {
    for (bool last = false; !last;) {
      more_->wait_until(base::kForever);
      std::vector<Queued> taken;
      bool full = false;
      {
        const std::lock_guard lock(mutex_);
        taken.swap(queue_);
        bytes_ = 0;
        last = stopping_;
        full = std::exchange(full_, false);
      }
      if (full) complain("the queue was full");
      write(taken);
    }
  }

  void write(const std::vector<Queued>& taken) {
    std::string text;
    std::size_t lines = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      append_event(text, taken[i].record, taken[i].stage, taken[i].unix_us, read_body_);
      ++lines;
      if (text.size() < kWriteBytes && i + 1 < taken.size()) continue;
      if (auto written = file_.append(text, runtime_.unix_ns() / base::kNanosPerMs)) {
        events_.add(static_cast<double>(lines));
      } else {
        dropped_.add(static_cast<double>(lines));
        complain(written.error().message);
      }
      text.clear();
      lines = 0;
    }
  }

  void complain(const std::string& why) {
    const auto now = runtime_.monotonic_ns();
    if (complained_ != 0 && now - complained_ < kComplainEvery_ms * base::kNanosPerMs) return;
    complained_ = now;
    base::log_error("audit", "audit events are being dropped", {{"what", why}});
  }

  const Policy policy_;
  const ReadBody read_body_;
  base::Runtime& runtime_;
  LogFile file_;                                 // the writing thread's, after start()
  base::Monotonic complained_ = 0;               // the writing thread's
  base::Counter &events_, &dropped_;
  std::array<base::Counter*, 4> levels_{};
  std::unique_ptr<base::Waiter> more_;
  std::mutex mutex_;
  std::vector<Queued> queue_;                    // under mutex_, like all below
  std::size_t bytes_ = 0;
  bool stopping_ = false, full_ = false;
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace

base::Outcome<std::shared_ptr<Audit>> make_audit(AuditOptions options, base::Runtime& runtime, base::Metrics& metrics) {
  auto audit = std::make_shared<WritingAudit>(std::move(options), runtime, metrics);
  if (auto started = audit->start(); !started) return started.error();
  return base::Outcome<std::shared_ptr<Audit>>(std::move(audit));
}

}  // namespace keelson::audit
