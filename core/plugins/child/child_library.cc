#include "core/plugins/child/child_library.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/base/log.hpp"
#include "core/plugins/child/sandbox.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

/// Sends one control byte, with a descriptor if there is one (which is closed here in any case).
bool tell(int control, char what, int fd = -1) {
  iovec bytes{&what, 1};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  const bool sent = ::sendmsg(control, &message, MSG_NOSIGNAL) == 1;
  if (fd >= 0) ::close(fd);
  return sent;
}

}  // namespace

// --- calls ---------------------------------------------------------------------------------------------------------

base::Monotonic ChildLibrary::in_ms(std::int64_t ms) const { return runtime_.in_ms(ms); }

base::Monotonic ChildLibrary::give_up(keelson_call id) const {
  const auto call = instance_->calls().find(id);
  return call ? give_up(*call) : in_ms(kShortCall_ms);
}

base::Monotonic ChildLibrary::give_up(const Call& call) const { return call.deadline == base::kForever ? base::kForever : call.deadline + kChildGrace_ms * base::kNanosPerMs; }

std::string ChildLibrary::name_of(const Asked& asked) const {
  if (!asked.what.empty()) return asked.what;
  const auto call = instance_->calls().find(asked.id);
  return call ? call->text() : std::string("a call");
}

keelson_status ChildLibrary::ask(const Asked& asked, const Fill& fill, const Take& take) {
  auto lane = asked.on_event_lane ? nullptr : take_lane();
  auto* const used = asked.on_event_lane ? event_lane_.get() : lane.get();
  if (used == nullptr) return 503;
  ++asking_;
  put(*used, asked, fill);
  const auto status = talk(*used, asked, take);
  --asking_;
  if (status == -1) return note_lost(asked), 503;
  if (lane) give_back(std::move(lane));
  return status;
}

void ChildLibrary::put(Lane& lane, const Asked& asked, const Fill& fill) {
  const int processor = meets(asked) ? lane.meeting().begin(asking_.load() == 1, runtime_.monotonic_ns()) : base::kAnyProcessor;
  lane.put([&](wire::Frame::Builder frame) {
    auto call = frame.initCall();
    call.setProcessor(static_cast<std::int16_t>(processor));
    call.setOp(static_cast<std::uint16_t>(asked.op));
    call.setId(asked.id);
    call.setDeadlineNs(asked.give_up == base::kForever ? base::kForever : asked.give_up - kChildGrace_ms * base::kNanosPerMs);
    fill(call);
  });
}

// Until the child answers, or gives the call back. -1: it never will.
keelson_status ChildLibrary::talk(Lane& lane, const Asked& asked, const Take& take) {
  const auto garbage = [&] { return kill("sent what is no message during " + name_of(asked)), -1; };
  for (;;) {
    FrameRef received;
    switch (lane.receive(received, runtime_, asked.give_up)) {
      case Lane::Got::closed:
        if (!process_->ends_within(kChildEnds_ms)) closed_its_end_.store(true), process_->kill();
        return -1;
      case Lane::Got::late: return kill("did not return from " + name_of(asked) + " by its deadline"), -1;
      case Lane::Got::garbage: return garbage();
      case Lane::Got::frame: break;
    }
    try {
      const auto frame = received->frame();
      if (frame.isRequest()) {
        answer_request(*instance_, lane, frame.getRequest(), asked.stream);
      } else if (frame.isAnswer()) {
        const auto answer = frame.getAnswer();
        if (meets(asked)) lane.meeting().end(runtime_.monotonic_ns(), answer.getRanNs());
        take(answer);
        return answer.getStatus() < 0 ? 500 : answer.getStatus();
      } else if (frame.isGivenBack() && asked.given_back != nullptr) {
        bool this_one = false;
        for (const auto id : frame.getGivenBack()) asked.given_back(id), this_one = this_one || id == asked.id;
        if (this_one) return 0;
      } else {
        return garbage();
      }
    } catch (const kj::Exception&) {   // it points outside of itself
      return garbage();
    }
    if (asked.give_up != base::kForever && runtime_.monotonic_ns() >= asked.give_up) return kill("did not return from " + name_of(asked) + " by its deadline"), -1;
  }
}

void ChildLibrary::note_lost(const Asked& asked) {
  auto what = name_of(asked);
  const std::lock_guard lock(mutex_);
  if (lost_.size() < kLostNamed && std::find(lost_.begin(), lost_.end(), what) == lost_.end()) lost_.push_back(std::move(what));
}

std::unique_ptr<Lane> ChildLibrary::take_lane() {
  {
    const std::lock_guard lock(mutex_);
    if (death_ || !killed_for_.empty()) return nullptr;
    if (!idle_.empty()) {
      auto lane = std::move(idle_.back());
      idle_.pop_back();
      return lane;
    }
    if (lanes_ >= kLanesMax) return nullptr;
    ++lanes_;
  }
  int ends[2];
  if (lane_pair(ends)) {
    auto lane = std::make_unique<Lane>(ends[0], true);
    if (tell(control_, kNewLane, ends[1])) return lane;
  }
  const std::lock_guard lock(mutex_);
  --lanes_;
  return nullptr;
}

void ChildLibrary::give_back(std::unique_ptr<Lane> lane) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleLanesMax && !death_) idle_.push_back(std::move(lane));
  else --lanes_;
}

// --- its end -------------------------------------------------------------------------------------------------------

void ChildLibrary::give_back() { tell(control_, kGiveBack); }

void ChildLibrary::cancel_calls() { tell(control_, kCancelAll); }

bool ChildLibrary::kill(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (killed_for_.empty()) killed_for_ = why;
  }
  process_->kill();
  return true;
}

std::optional<std::string> ChildLibrary::died() const {
  const std::lock_guard lock(mutex_);
  if (!death_ || lost_.empty() || !killed_for_.empty()) return death_;
  auto all = *death_ + " during ";
  for (const auto& what : lost_) all += (&what == &lost_.front() ? "" : ", ") + what;
  return all;
}

std::string ChildLibrary::shortage() const {
  const auto most = [](std::uint64_t limit) { return static_cast<std::int64_t>(limit) * kShortage_percent / 100; };
  if (const auto open = descriptors_of_process(process_->pid()); static_cast<std::int64_t>(open) >= most(kChildDescriptorsMax))
    return "its process holds " + std::to_string(open) + " descriptors, of " + std::to_string(kChildDescriptorsMax) + " at most";
  const auto memory = usage().value_or(Usage()).memory_bytes;
  if (memory < most(memory_bytes_max_)) return {};
  return "its process holds " + std::to_string(memory >> 20) + " MiB of memory, of " + std::to_string(memory_bytes_max_ >> 20) + " at most";
}

void ChildLibrary::on_death(std::function<void()> tell_owner) {
  {
    const std::lock_guard lock(mutex_);
    on_death_ = tell_owner;
    if (!death_) return;
  }
  tell_owner();
}

void ChildLibrary::watch() {
  auto& printed = process_->printed();
  const auto tell = [this](std::string_view line) { instance_->log(base::LogLevel::info, line); };
  pollfd waiting[3] = {{process_->pid_descriptor(), POLLIN, 0}, {outside_->fd(), POLLIN, 0}, {printed.fd(), POLLIN, 0}};
  for (;;) {
    if (::poll(waiting, 3, -1) < 0 && errno != EINTR) break;
    if (waiting[0].revents != 0) break;
    if (waiting[1].revents != 0 && !serve_outside()) waiting[1].fd = -1;
    if (waiting[2].revents != 0 && !printed.read(runtime_.monotonic_ns(), tell)) waiting[2].fd = -1;
  }
  printed.finish(runtime_.monotonic_ns(), tell);
  note_death();
}

// A request that belongs to no call. False: no more will come.
bool ChildLibrary::serve_outside() {
  do {
    FrameRef received;
    if (outside_->receive(received, runtime_, in_ms(kShortCall_ms)) != Lane::Got::frame) return false;
    try {
      if (!received->frame().isRequest() || instance_ == nullptr) return kill("sent what is no request"), false;
      answer_request(*instance_, *outside_, received->frame().getRequest(), nullptr);
      outside_->flush();
    } catch (const kj::Exception&) {
      return kill("sent what is no message"), false;
    }
  } while (outside_->pending());
  return true;
}

void ChildLibrary::note_death() {
  auto how = process_->reap();
  if (closed_its_end_.load()) how = "closed its connections and was killed";
  if (group_ && group_->ran_out_of_memory()) how += " by the kernel: it had used up its memory";
  std::function<void()> tell_owner;
  {
    const std::lock_guard lock(mutex_);
    if (ending_.load()) return;
    death_ = killed_for_.empty() ? std::move(how) : killed_for_ + ", so it was killed";
    tell_owner = on_death_;
  }
  if (tell_owner) tell_owner();
}

ChildLibrary::~ChildLibrary() {
  ending_.store(true);
  if (control_ >= 0) ::close(control_);
  if (process_ && !process_->ends_within(kChildExit_ms)) process_->kill();
  watcher_.reset();
}

// --- its beginning -------------------------------------------------------------------------------------------------

struct ChildLoader {
  static std::variant<std::unique_ptr<Library>, Refusal> load(const std::string& file, const CheckedFile& checked, const ChildOptions& options, base::Runtime& runtime);
  static std::optional<Refusal> hear(ChildLibrary& library, const std::string& name, base::Runtime& runtime);
  static bool connect(ChildLibrary& library, std::vector<int>& theirs);
  static void limit(ChildLibrary& library, const std::string& name, const ChildOptions& options);
};

void ChildLoader::limit(ChildLibrary& library, const std::string& name, const ChildOptions& options) {
  const auto memory = options.memory_bytes_max != 0 ? options.memory_bytes_max : kChildMemoryBytes;
  library.memory_bytes_max_ = memory;
  auto group = ChildGroup::make(library.process_->pid(), {memory + kGroupSlackBytes, options.tasks_max != 0 ? options.tasks_max : kChildTasks});
  const auto missing = group ? (*group)->missing() : group.error().message;
  if (!missing.empty()) base::log_info("plugins", "no control group: only the limits of a process hold", {{"plugin", name}, {"why", missing}});
  if (group) library.group_ = std::move(*group);
}

bool ChildLoader::connect(ChildLibrary& library, std::vector<int>& theirs) {
  int control[2], event[2], outside[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) return false;
  library.control_ = control[0];
  theirs.push_back(control[1]);
  if (!lane_pair(event)) return false;
  library.event_lane_ = std::make_unique<Lane>(event[0], true);
  theirs.push_back(event[1]);
  if (!lane_pair(outside)) return false;
  library.outside_ = std::make_unique<Lane>(outside[0], true);
  theirs.push_back(outside[1]);
  return true;
}

std::optional<Refusal> ChildLoader::hear(ChildLibrary& library, const std::string& name, base::Runtime& runtime) {
  FrameRef received;
  if (library.event_lane_->receive(received, runtime, runtime.in_ms(kHello_ms)) != Lane::Got::frame) {
    library.process_->kill();
    auto how = library.process_->reap();
    library.process_->printed().finish(runtime.monotonic_ns(), [&](std::string_view line) { base::log_info(name, line); });
    return Refusal{"LoadFailed", name + ": its process " + how + " while the file was loaded"};
  }
  try {
    const auto hello = received->frame().getHello();
    if (hello.getRefusalReason().size() != 0) return Refusal{std::string(text_of(hello.getRefusalReason())), name + ": " + std::string(text_of(hello.getRefusalMessage()))};
    library.name_ = text_of(hello.getName());
    library.version_ = text_of(hello.getVersion());
    library.own_table_.minor = hello.getMinor();
  } catch (const kj::Exception&) {
    return Refusal{"LoadFailed", name + ": its process sent what is no message"};
  }
  return std::nullopt;
}

const keelson_plugin_v1& child_table();

std::variant<std::unique_ptr<Library>, Refusal> ChildLoader::load(const std::string& file, const CheckedFile& checked, const ChildOptions& options, base::Runtime& runtime) {
  std::unique_ptr<ChildLibrary> library(new ChildLibrary(runtime));
  library->file_ = file;
  library->sha256_ = checked.sha256;
  library->network_ = options.network;
  std::vector<int> theirs;
  const bool connected = connect(*library, theirs);
  if (connected) theirs.push_back(::open(checked.copy.c_str(), O_RDONLY | O_CLOEXEC));
  if (!connected || theirs.back() < 0) {
    for (const int fd : theirs) ::close(fd);
    return Refusal{"LoadFailed", checked.name + ": no descriptors for its process: " + std::strerror(errno)};
  }
  std::vector<std::string> arguments{"plugin-host", "--child", checked.name};
  if (options.network) arguments.push_back("--network");
  if (options.memory_bytes_max != 0) arguments.insert(arguments.end(), {"--memory-bytes", std::to_string(options.memory_bytes_max)});
  auto process = ChildProcess::start(options.program, arguments, std::move(theirs));
  if (!process) return Refusal{"LoadFailed", checked.name + ": " + process.error().message};
  library->process_ = std::move(*process);
  limit(*library, checked.name, options);
  if (!tell(library->control_, kGo)) return Refusal{"LoadFailed", checked.name + ": its process has ended"};
  if (auto refusal = hear(*library, checked.name, runtime)) return std::move(*refusal);
  auto& table = library->own_table_;
  const auto minor = table.minor;
  table = child_table();
  table.minor = minor;
  table.name = library->name_.c_str();
  table.version = library->version_.c_str();
  library->table_ = &table;
  if (auto refusal = check_note_against(checked, table)) return std::move(*refusal);
  return std::unique_ptr<Library>(std::move(library));
}

std::variant<std::unique_ptr<Library>, Refusal> load_in_child(const std::string& file, const CheckedFile& checked, const ChildOptions& child, base::Runtime& runtime) {
  return ChildLoader::load(file, checked, child, runtime);
}

}  // namespace keelson::plugins
