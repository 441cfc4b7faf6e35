#include "core/fairness/fairness.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "core/fairness/levels.hpp"

namespace keelson::fairness {
namespace {

const std::vector<double>& wait_bounds() {
  static const std::vector<double> bounds = {0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30};
  return bounds;
}

/// A schema as requests are matched with it, and what is counted of it.
struct Schema {
  SchemaSpec spec;
  LevelRef level;
  std::string level_name, level_uid;
  base::Counter *dispatched, *queue_full, *timed_out, *no_seat;
  base::Histogram *waited, *estimated;
};
using Schemas = std::vector<std::shared_ptr<const Schema>>;

class Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(base::Runtime& runtime, base::Metrics& metrics, int seats) : runtime(runtime), metrics_(metrics), levels_(seats) {}

  std::shared_ptr<const Schemas> schemas() const { return std::atomic_load(&schemas_); }
  void set(std::vector<SchemaSpec> specs, const std::vector<LevelSpec>& levels);
  bool take_seat(Request& request);
  Levels::Place enter(const RequestRef& request, bool may_wait);
  void leave(Request& request);
  void stop();
  void watch_metrics();
  base::Runtime& runtime;

 private:
  std::shared_ptr<const Schema> schema_of(SchemaSpec spec, const LevelRef& level);
  void arm(base::Monotonic eldest);   // under mutex_
  void sweep();
  static void tell(const std::vector<RequestRef>& requests, bool admitted);

  base::Metrics& metrics_;
  std::shared_ptr<const Schemas> schemas_ = std::make_shared<const Schemas>();
  std::vector<std::shared_ptr<void>> gauges_;
  std::mutex mutex_;
  Levels levels_;                                // under mutex_, like all below
  base::TimerId timer_ = 0;
  bool armed_ = false, stopped_ = false;
};

/// Is the request that its level knows, so that a turn is one allocation.
class TurnImpl final : public Turn, public Request, public std::enable_shared_from_this<TurnImpl> {
 public:
  TurnImpl(std::shared_ptr<Shared> shared, std::shared_ptr<const Schema> schema, const auth::Attributes& asked, int wanted) : shared_(std::move(shared)), schema_(std::move(schema)) {
    level = schema_->level;
    seats = wanted;
    if (shared_->take_seat(*this)) {
      schema_->dispatched->add();
      return;
    }
    flow = flow_hash(schema_->spec, asked);
    const auto place = shared_->enter(RequestRef(std::shared_ptr<void>(), this), false);   // it is not kept: nobody waits yet
    turn_ = place == Levels::Place::seat ? State::now : place == Levels::Place::queue ? State::must_wait : State::refused;
    if (turn_ == State::now) schema_->dispatched->add();
    if (turn_ == State::refused) (level->spec.queues_requests ? schema_->queue_full : schema_->no_seat)->add();
  }
  ~TurnImpl() override { release(); }

  Turn::State state() const override { return turn_; }
  bool wait(std::function<void(bool)> told) override {
    const auto began = shared_->runtime.monotonic_ns();
    decided = [schema = schema_, &runtime = shared_->runtime, began, told = std::move(told)](bool admitted) {
      (admitted ? schema->dispatched : schema->timed_out)->add();
      if (admitted) schema->waited->observe(static_cast<double>(runtime.monotonic_ns() - began) / 1e9);
      told(admitted);
    };
    const auto place = shared_->enter(shared_from_this(), true);
    if (place == Levels::Place::queue) return true;
    auto tell = std::exchange(decided, nullptr);
    if (place == Levels::Place::seat) return tell(true), true;
    schema_->queue_full->add();
    return false;
  }
  void release() override { shared_->leave(*this); }
  const std::string& schema_uid() const override { return schema_->spec.uid; }
  const std::string& level_uid() const override { return schema_->level_uid; }

 private:
  using State = Turn::State;
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<const Schema> schema_;
  State turn_ = State::now;
};

std::shared_ptr<const Schema> Shared::schema_of(SchemaSpec spec, const LevelRef& level) {
  const base::Labels labels{{"flow_schema", spec.name}, {"priority_level", spec.level}};
  const auto rejected = [&](const char* reason) {
    auto more = labels;
    more["reason"] = reason;
    return &metrics_.counter("apiserver_flowcontrol_rejected_requests_total", "Requests that were refused for want of a seat.", more);
  };
  auto waits = labels;
  waits["execute"] = "true";
  auto schema = std::make_shared<Schema>();
  schema->level = level;
  schema->level_name = level->spec.name;
  schema->level_uid = level->spec.uid;
  schema->dispatched = &metrics_.counter("apiserver_flowcontrol_dispatched_requests_total", "Requests that got a seat.", labels);
  schema->queue_full = rejected("queue-full");
  schema->timed_out = rejected("time-out");
  schema->no_seat = rejected("concurrency-limit");
  schema->waited = &metrics_.histogram("apiserver_flowcontrol_request_wait_duration_seconds", "How long requests waited for a seat, of those that did.", wait_bounds(), waits);
  schema->estimated = &metrics_.histogram("apiserver_flowcontrol_work_estimated_seats", "Seats that requests were expected to take.", {1, 2, 3, 4, 10}, labels);
  schema->spec = std::move(spec);
  return schema;
}

void Shared::set(std::vector<SchemaSpec> specs, const std::vector<LevelSpec>& levels) {
  order(specs);
  std::vector<RequestRef> seated;
  {
    const std::lock_guard lock(mutex_);
    levels_.set(levels);
    auto next = std::make_shared<Schemas>();
    for (auto& spec : specs)
      if (const auto level = levels_.find(spec.level)) next->push_back(schema_of(std::move(spec), level));
    std::atomic_store(&schemas_, std::shared_ptr<const Schemas>(std::move(next)));
    levels_.dispatch(nullptr, runtime.monotonic_ns(), seated);
  }
  tell(seated, true);
}

bool Shared::take_seat(Request& request) {
  const auto now = runtime.monotonic_ns();
  const std::lock_guard lock(mutex_);
  return !stopped_ && levels_.take_seat(request, now);
}

Levels::Place Shared::enter(const RequestRef& request, bool may_wait) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Levels::Place::none;
  const auto place = levels_.enter(request, runtime.monotonic_ns(), may_wait);
  if (place == Levels::Place::queue && may_wait) arm(request->since);
  return place;
}

void Shared::leave(Request& request) {
  std::vector<RequestRef> seated;
  {
    const std::lock_guard lock(mutex_);
    if (request.state != Request::State::executing) return;
    const auto now = runtime.monotonic_ns();
    levels_.leave(request, now);
    if (!stopped_) levels_.dispatch(request.level, now, seated);
  }
  tell(seated, true);
}

void Shared::tell(const std::vector<RequestRef>& requests, bool admitted) {
  for (const auto& request : requests)
    if (auto decided = std::exchange(request->decided, nullptr)) decided(admitted);
}

void Shared::arm(base::Monotonic eldest) {
  if (armed_ || stopped_) return;
  armed_ = true;
  timer_ = runtime.schedule_at(eldest + kWaitMax_ms * base::kNanosPerMs, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->sweep();
  });
}

void Shared::sweep() {
  std::vector<RequestRef> late;
  {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    const auto eldest = levels_.expire(runtime.monotonic_ns() - kWaitMax_ms * base::kNanosPerMs, late);
    if (eldest != base::kForever) arm(eldest);
  }
  tell(late, false);
}

void Shared::stop() {
  gauges_.clear();
  std::vector<RequestRef> left;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    runtime.cancel(timer_);
    levels_.expire(base::kForever, left);
  }
  tell(left, false);
}

void Shared::watch_metrics() {
  const auto add = [&](const char* name, const char* help, int (*read)(const Level&)) {
    gauges_.push_back(metrics_.on_scrape(name, help, "gauge", [this, read](const auto& emit) {
      const std::lock_guard lock(mutex_);
      for (const auto& [level, at] : levels_.all()) emit({{"priority_level", level}}, read(*at));
    }));
  };
  add("apiserver_flowcontrol_current_executing_requests", "Requests that have a seat.", [](const Level& level) { return level.executing; });
  add("apiserver_flowcontrol_current_executing_seats", "Seats that are taken.", [](const Level& level) { return level.executing_seats; });
  add("apiserver_flowcontrol_current_inqueue_requests", "Requests that wait for a seat.", [](const Level& level) { return level.waiting; });
  add("apiserver_flowcontrol_nominal_limit_seats", "Seats of the level before any are lent or borrowed.", [](const Level& level) { return level.nominal; });
  add("apiserver_flowcontrol_lower_limit_seats", "Seats that are never lent.", [](const Level& level) { return level.nominal - level.lendable; });
}

class FairnessImpl final : public Fairness {
 public:
  FairnessImpl(base::Runtime& runtime, base::Metrics& metrics, int seats) : shared_(std::make_shared<Shared>(runtime, metrics, seats)) { shared_->watch_metrics(); }
  ~FairnessImpl() override { stop(); }

  std::shared_ptr<Turn> turn(const auth::Attributes& request, int seats) override {
    const auto schemas = shared_->schemas();
    for (const auto& schema : *schemas) {
      if (!matches(schema->spec, request)) continue;
      schema->estimated->observe(seats);
      return std::make_shared<TurnImpl>(shared_, schema, request, seats);
    }
    return nullptr;
  }
  void set(std::vector<SchemaSpec> schemas, const std::vector<LevelSpec>& levels) override { shared_->set(std::move(schemas), levels); }
  void stop() override { shared_->stop(); }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

std::unique_ptr<Fairness> make_fairness(base::Runtime& runtime, base::Metrics& metrics, int seats) { return std::make_unique<FairnessImpl>(runtime, metrics, seats); }

}  // namespace keelson::fairness
