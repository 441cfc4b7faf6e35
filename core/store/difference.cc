#include "core/store/difference.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/store/packed.hpp"

namespace keelson::store {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;   // spreads bits
constexpr std::size_t kPieceBytesMin = 24;     // shorter ones stand in many places, and lead astray
constexpr std::size_t kAnchorBytes = 13;       // distance of the anchors of a base of up to kAnchorsMax times this
constexpr std::size_t kAnchorsMax = 512;
constexpr int kSlotBits = 10;                  // twice as many slots as anchors
constexpr std::size_t kPatienceBytes = 24;     // new bytes before anchors are set: mostly numbers and times change
constexpr std::size_t kStepBytes = 2;          // from one place that is tried to the next
constexpr std::size_t kBytesPerStep = 128;     // new bytes after which each step is one longer

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, kWordBytes);
  return word;
}

std::size_t equal_ahead(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = 0;
  for (; same + kWordBytes <= most; same += kWordBytes)
    if (const std::uint64_t differ = word_at(a.data() + same) ^ word_at(b.data() + same); differ != 0 && std::endian::native == std::endian::little) return same + static_cast<std::size_t>(std::countr_zero(differ)) / 8;
    else if (differ != 0) break;
  while (same < most && a[same] == b[same]) ++same;
  return same;
}

// Four lanes, so that a multiplication need not wait for the one before.
std::uint32_t checksum(std::string_view text) {
  std::array<std::uint64_t, 4> lanes{text.size(), 1, 2, 3};
  const auto mix = [](std::uint64_t& lane, std::uint64_t word) { lane = std::rotl((lane ^ word) * kOdd, 29); };
  std::size_t at = 0;
  for (; at + 4 * kWordBytes <= text.size(); at += 4 * kWordBytes)
    for (std::size_t i = 0; i < 4; ++i) mix(lanes[i], word_at(text.data() + at + i * kWordBytes));
  for (; at < text.size(); ++at) mix(lanes[0], static_cast<unsigned char>(text[at]));
  for (std::size_t i = 1; i < 4; ++i) mix(lanes[0], lanes[i]);
  mix(lanes[0], 0);
  return static_cast<std::uint32_t>(lanes[0] >> 32);
}

void write_checksum(Writer& out, std::uint32_t sum) {
  for (int shift = 0; shift < 32; shift += 8) out.byte(static_cast<std::uint8_t>(sum >> shift));
}

std::uint32_t read_checksum(Reader& in) {
  std::uint32_t sum = 0;
  for (int shift = 0; shift < 32; shift += 8) sum |= static_cast<std::uint32_t>(in.byte()) << shift;
  return sum;
}

/// Bytes that are compared and looked for at once.
struct Window {
  static constexpr std::size_t kBytes = 2 * kWordBytes;
  explicit Window(const char* at) : first(word_at(at)), second(word_at(at + kWordBytes)) {}
  std::size_t slot() const { return static_cast<std::size_t>(((first ^ std::rotl(second, 32)) * kOdd) >> (64 - kSlotBits)); }
  friend bool operator==(const Window&, const Window&) = default;
  std::uint64_t first, second;
};

/// Where windows of the base stand, one for each kAnchorBytes or, of a large base, for more: an odd number, so that steps of two meet each
/// second one, and since what lists repeat is often even.
class Anchors {
 public:
  bool set() const { return set_; }

  void set(std::string_view base, std::size_t from) {
    set_ = true;
    slots_.fill(kNone);
    const std::size_t distance = std::max(kAnchorBytes, (base.size() - from) / kAnchorsMax + 1) | 1;
    for (; from + Window::kBytes <= base.size(); from += distance) slots_[Window(base.data() + from).slot()] = static_cast<std::uint32_t>(from);
  }

  /// Behind every base if there is none.
  std::size_t find(const Window& window) const { return set_ ? slots_[window.slot()] : kNone; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::array<std::uint32_t, std::size_t{1} << kSlotBits> slots_;
  bool set_ = false;
};

class Finder {
 public:
  Finder(std::string_view base, std::string_view text, std::size_t bytes_max, std::string& out) : base_(base), text_(text), out_(out), writer_(out), out_max_(out.size() + bytes_max) {}

  bool run() {
    writer_.number(text_.size());
    write_checksum(writer_, checksum(text_));
    while (find_piece() || look_further())
      if (out_.size() > out_max_) return false;
    if (new_ < text_.size()) writer_.text(text_.substr(new_));
    return out_.size() <= out_max_;
  }

 private:
  // At either of two places: behind as many bytes as are new here, or at an anchor.
  bool find_piece() {
    const std::size_t patience = anchors_.set() ? out_max_ - out_.size() : kPatienceBytes;
    const std::size_t end = std::min(text_.size(), new_ + patience + Window::kBytes);
    for (std::size_t at = new_; at + Window::kBytes <= end; at += kStepBytes + (at - new_) / kBytesPerStep) {
      const Window window(text_.data() + at);
      if (take_piece(at, window, base_at_ + (at - new_)) || take_piece(at, window, anchors_.find(window))) return true;
    }
    return false;
  }

  bool look_further() {
    if (anchors_.set() || text_.size() - new_ < Window::kBytes) return false;
    anchors_.set(base_, base_at_);
    return true;
  }

  bool take_piece(std::size_t at, const Window& window, std::size_t from) {
    return from + Window::kBytes <= base_.size() && window == Window(base_.data() + from) && take_equal(at, from);
  }

  bool take_equal(std::size_t at, std::size_t from) {
    const std::size_t end = at + equal_ahead(base_.substr(from), text_.substr(at));
    for (; at > new_ && from > 0 && text_[at - 1] == base_[from - 1]; --at) --from;
    if (end - at < kPieceBytesMin) return false;
    writer_.text(text_.substr(new_, at - new_));
    writer_.signed_number(static_cast<std::int64_t>(from) - static_cast<std::int64_t>(base_at_ + (at - new_)));
    writer_.number(end - at);
    base_at_ = from + (end - at);
    new_ = end;
    return true;
  }

  const std::string_view base_, text_;
  std::string& out_;
  Writer writer_;
  const std::size_t out_max_;
  std::size_t new_ = 0;       // what stands before is written
  std::size_t base_at_ = 0;   // behind the last piece
  Anchors anchors_;
};

}  // namespace

bool append_difference(std::string_view base, std::string_view text, std::size_t bytes_max, std::string& out) {
  const std::size_t before = out.size();
  if (base.size() < UINT32_MAX && Finder(base, text, bytes_max, out).run()) return true;
  out.resize(before);
  return false;
}

bool apply_difference(std::string_view base, std::string_view difference, std::string& out) {
  Reader in(difference);
  const std::size_t before = out.size();
  const std::uint64_t size = in.number();
  const std::uint32_t sum = read_checksum(in);
  out.reserve(before + static_cast<std::size_t>(std::min<std::uint64_t>(size, base.size() + difference.size())));
  std::uint64_t base_at = 0;
  bool fits = true;
  while (fits && !in.rest().empty()) {
    const std::string_view fresh = in.text();
    out += fresh;
    if (in.rest().empty()) break;
    base_at += fresh.size() + static_cast<std::uint64_t>(in.signed_number());
    const std::uint64_t bytes = in.number();
    const std::size_t made = out.size() - before;
    fits = base_at <= base.size() && bytes <= base.size() - base_at && made <= size && bytes <= size - made;
    if (fits) out += base.substr(base_at, bytes);
    base_at += bytes;
  }
  const auto text = std::string_view(out).substr(before);
  if (fits && in.ok() && text.size() == size && checksum(text) == sum) return true;
  out.resize(before);
  return false;
}

}  // namespace keelson::store
