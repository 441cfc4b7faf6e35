#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "core/auth/admission.hpp"
#include "core/auth/authorizers.hpp"
#include "core/auth/rules.hpp"

namespace keelson::auth {
namespace {

struct OrderedAdmission {
  int order;
  std::shared_ptr<AdmissionUnit> unit;
};

/// The units that one kind of request is shown to, in order.
struct PlannedUnit {
  AdmissionUnit* unit;
  bool at_once;
};
using Plan = std::vector<PlannedUnit>;
using PlanRef = std::shared_ptr<const Plan>;

/// What units choose by: AdmissionUnit::handles() answers the same for the same.
struct PlanKey {
  base::Atom resource;
  AdmissionRequest::Operation operation;
  bool namespaced;
  std::string subresource;
  bool operator==(const PlanKey&) const = default;
};
struct PlanHash {
  std::size_t operator()(const PlanKey& key) const { return (key.resource.hash() ^ std::hash<std::string>()(key.subresource)) * 8 + static_cast<std::size_t>(key.operation) * 2 + (key.namespaced ? 1 : 0); }
};
constexpr std::size_t kPlansMax = 4096;

/// Plans of one set of units, made when first asked for. Threads: any.
class Plans {
 public:
  template <class Make>
  PlanRef of(const AdmissionRequest& request, Make make) {
    PlanKey key{request.kind->storage_key, request.operation, request.kind->namespaced, request.subresource};
    const std::lock_guard lock(mutex_);
    if (const auto found = plans_.find(key); found != plans_.end()) return found->second;
    if (plans_.size() >= kPlansMax) plans_.clear();
    return plans_.emplace(std::move(key), std::make_shared<const Plan>(make())).first->second;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<PlanKey, PlanRef, PlanHash> plans_;   // under mutex_
};

/// One immutable set of units; a change makes a new one.
struct Units {
  std::vector<std::shared_ptr<Authenticator>> authenticators;
  std::vector<std::shared_ptr<Authorizer>> authorizers;
  std::vector<OrderedAdmission> admissions;
  std::shared_ptr<Plans> plans = std::make_shared<Plans>();   // shared: none; a pointer only so that sets can be copied

  PlanRef plan_of(const AdmissionRequest& request) const {
    return plans->of(request, [&] {
      Plan plan;
      for (const auto& [order, unit] : admissions)
        if (unit->handles(request.operation, *request.kind, request.subresource)) plan.push_back({unit.get(), dynamic_cast<const AnswersAtOnce*>(unit.get()) != nullptr});
      return plan;
    });
  }
};
using UnitsRef = std::shared_ptr<const Units>;

using Done = std::function<void(base::Outcome<void>)>;
using Phase = void (AdmissionUnit::*)(AdmissionRequest&, Done);

/// Runs one phase of the admission chain; inline units cost no allocation and no stack depth.
class AdmissionRun : public std::enable_shared_from_this<AdmissionRun> {
 public:
  AdmissionRun(UnitsRef units, AdmissionRequest& request, Phase phase, bool reinvokes, Done done)
      : units_(std::move(units)), plan_(units_->plan_of(request)), request_(request), phase_(phase), reinvokes_(reinvokes), done_(std::move(done)) {}

  void go() {
    while (const auto* const planned = next()) {
      if (planned->at_once) (planned->unit->*phase_)(request_, [this](base::Outcome<void> outcome) { outcome_ = std::move(outcome); });
      else if (!ask(*planned->unit)) return;
      if (!outcome_) break;
      remember(*planned->unit);
    }
    done_(std::move(outcome_));
  }

 private:
  enum class State { running, returned, answered };
  static constexpr std::uint64_t kAgain = UINT64_MAX;   // no number of changes

  /// False: the unit answers later.
  bool ask(AdmissionUnit& unit) {
    // Whoever comes second of "the call returned" and "the unit answered" goes on.
    state_.store(State::running);
    (unit.*phase_)(request_, [self = shared_from_this()](base::Outcome<void> outcome) { self->answered(std::move(outcome)); });
    return state_.exchange(State::returned) != State::running;
  }

  /// The next unit to ask: all in order, then once more those behind whose back the object changed.
  const PlannedUnit* next() {
    if (next_ < plan_->size()) return asked_ = &(*plan_)[next_++];
    while (again_ < seen_.size()) {
      const auto& [planned, changes] = seen_[again_++];
      if (changes != request_.changes) return asked_ = planned;
    }
    return nullptr;
  }

  void remember(AdmissionUnit& unit) {
    const bool asked = std::exchange(request_.again, false);
    if (reinvokes_ && again_ == 0 && unit.reinvoke()) seen_.emplace_back(asked_, asked ? kAgain : request_.changes);
  }

  void answered(base::Outcome<void> outcome) {
    outcome_ = std::move(outcome);
    if (state_.exchange(State::answered) == State::running) return;
    if (!outcome_) return done_(std::move(outcome_));
    remember(*asked_->unit);
    go();
  }

  UnitsRef units_;
  PlanRef plan_;
  const PlannedUnit* asked_ = nullptr;
  AdmissionRequest& request_;
  Phase phase_;
  const bool reinvokes_;
  Done done_;
  std::size_t next_ = 0, again_ = 0;
  std::vector<std::pair<const PlannedUnit*, std::uint64_t>> seen_;   // those that want to be asked again, and what they saw
  base::Outcome<void> outcome_;
  std::atomic<State> state_ = State::running;
};

class ChainsImpl final : public Chains, public RulesSource {
 public:
  void add(std::shared_ptr<Authenticator> unit) override {
    change([&](Units& units) { units.authenticators.push_back(std::move(unit)); });
  }
  void add_first(std::shared_ptr<Authenticator> unit) override {
    change([&](Units& units) { units.authenticators.insert(units.authenticators.begin(), std::move(unit)); });
  }
  void add(std::shared_ptr<Authorizer> unit) override {
    change([&](Units& units) { units.authorizers.push_back(std::move(unit)); });
  }
  void add(int order, std::shared_ptr<AdmissionUnit> unit) override {
    change([&](Units& units) {
      const OrderedAdmission added{order, std::move(unit)};
      const auto before = [](const OrderedAdmission& a, const OrderedAdmission& b) { return a.order != b.order ? a.order < b.order : a.unit->name() < b.unit->name(); };
      units.admissions.insert(std::upper_bound(units.admissions.begin(), units.admissions.end(), added, before), added);
    });
  }
  void remove(const void* unit) override {
    change([&](Units& units) {
      std::erase_if(units.authenticators, [&](const auto& entry) { return entry.get() == unit; });
      std::erase_if(units.authorizers, [&](const auto& entry) { return entry.get() == unit; });
      std::erase_if(units.admissions, [&](const auto& entry) { return entry.unit.get() == unit; });
    });
  }

  base::Outcome<Identity> authenticate(const Credentials& credentials) const override {
    const auto units = current();
    for (const auto& unit : units->authenticators) {
      auto outcome = unit->authenticate(credentials);
      if (!outcome) return outcome.error();
      if (*outcome) return std::move(**outcome);
    }
    // Shown credentials that nobody knows are wrong ones, not none.
    if (credentials.bearer_token || credentials.certificate) return base::unauthorized();
    return anonymous();
  }

  Verdict authorize(const Attributes& attributes) const override {
    const auto units = current();
    std::string reason;
    for (const auto& unit : units->authorizers) {
      auto verdict = unit->authorize(attributes);
      if (verdict.decision != Decision::no_opinion) return verdict;
      if (!verdict.reason.empty()) reason += (reason.empty() ? "" : "\n") + verdict.reason;
    }
    return {Decision::no_opinion, std::move(reason)};
  }

  void rules(const Identity& user, const std::string& ns, Rules& into) const override {
    const auto units = current();
    for (const auto& unit : units->authorizers)
      if (const auto* source = dynamic_cast<const RulesSource*>(unit.get())) source->rules(user, ns, into);
  }

  bool reads_objects(const AdmissionRequest& request) const override { return any_of(request, &AdmissionUnit::reads_objects); }
  bool passes(const AdmissionRequest& request) const override {
    const auto plan = current()->plan_of(request);
    return std::all_of(plan->begin(), plan->end(), [&](const PlannedUnit& planned) { return planned.unit->passes(request); });
  }
  bool reads_managers(const AdmissionRequest& request) const override { return any_of(request, &AdmissionUnit::reads_managers); }
  bool grounds(AdmissionRequest& request, Grounds& grounds) const override {
    auto units = current();
    const auto plan = units->plan_of(request);
    grounds.add(request.ns);
    if (!std::all_of(plan->begin(), plan->end(), [&](const PlannedUnit& planned) { return planned.unit->rests_on(request, grounds); })) return false;
    request.units = std::move(units);
    return true;
  }
  void admit_mutate(AdmissionRequest& request, Done done) const override { run(request, &AdmissionUnit::mutate, true, std::move(done)); }
  void admit_validate(AdmissionRequest& request, Done done) const override { run(request, &AdmissionUnit::validate, false, std::move(done)); }

 private:
  bool any_of(const AdmissionRequest& request, bool (AdmissionUnit::*says)(const AdmissionRequest&)) const {
    const auto plan = current()->plan_of(request);
    return std::any_of(plan->begin(), plan->end(), [&](const PlannedUnit& planned) { return (planned.unit->*says)(request); });
  }
  void run(AdmissionRequest& request, Phase phase, bool reinvokes, Done done) const {
    auto units = request.units ? std::static_pointer_cast<const Units>(request.units) : current();
    std::make_shared<AdmissionRun>(std::move(units), request, phase, reinvokes, std::move(done))->go();
  }
  UnitsRef current() const { return std::atomic_load(&units_); }
  void change(const std::function<void(Units&)>& edit) {
    std::lock_guard lock(mutex_);
    auto next = std::make_shared<Units>(*units_);
    next->plans = std::make_shared<Plans>();
    edit(*next);
    std::atomic_store(&units_, UnitsRef(std::move(next)));
  }

  std::mutex mutex_;
  UnitsRef units_ = std::make_shared<Units>();
};

}  // namespace

Rules all_rules(const Chains& chains, const Identity& user, const std::string& ns) {
  Rules all;
  if (const auto* source = dynamic_cast<const RulesSource*>(&chains)) source->rules(user, ns, all);
  return all;
}

std::unique_ptr<Chains> make_chains() {
  auto chains = std::make_unique<ChainsImpl>();
  chains->add(certificate_authenticator());
  chains->add(masters_authorizer());
  chains->add(plugins_authorizer());
  chains->add(everybody_authorizer());
  return chains;
}

}  // namespace keelson::auth
