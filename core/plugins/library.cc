#include "core/plugins/library.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTableBytesMin = offsetof(keelson_plugin_v1, destroy) + sizeof(void*);
constexpr std::string_view kEntryPrefix = "keelson_plugin_entry_v";

/// Reads from what it opened, and says whose that is: the name may stand for another file a moment later.
struct OpenFile {
  explicit OpenFile(const std::string& file) : fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd >= 0) ::close(fd);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  std::optional<std::string> read() const {
    struct stat info {};
    if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) > kLibraryBytesMax) return std::nullopt;
    std::string content(static_cast<std::size_t>(info.st_size), '\0');
    for (std::size_t at = 0; at < content.size();) {
      const auto got = ::read(fd, content.data() + at, content.size() - at);
      if (got <= 0) return std::nullopt;
      at += static_cast<std::size_t>(got);
    }
    return content;
  }
  std::optional<struct stat> status() const {
    struct stat info {};
    if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    return info;
  }
  /// By a name that leads to this very file.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }
  const int fd;
};

std::optional<std::string> content_of(const std::string& file) { return OpenFile(file).read(); }

Refusal other_abi(const std::string& name, std::uint32_t major, std::uint32_t minor) {
  return {"ABIMismatch", name + " needs ABI " + std::to_string(major) + "." + std::to_string(minor) + ", this core has " + core_abi()};
}

#if defined(__SANITIZE_ADDRESS__)
constexpr std::string_view kSanitizer = "address";
#elif defined(__SANITIZE_THREAD__)
constexpr std::string_view kSanitizer = "thread";
#else
constexpr std::string_view kSanitizer = "";
#endif

// A sanitizer's runtime ends a process that did not start with it.
std::optional<Refusal> check_note(const std::string& name, const PluginNote& note) {
  if (note.abi_major != KEELSON_ABI_MAJOR || note.abi_minor > KEELSON_ABI_MINOR) return other_abi(name, note.abi_major, note.abi_minor);
  const auto sanitizer = note.text("sanitizer");
  if (sanitizer.empty() || sanitizer == kSanitizer) return std::nullopt;
  return Refusal{"WrongBuild", name + " is built with the " + sanitizer + " sanitizer, this core is not"};
}

std::optional<Refusal> check_facts(const std::string& name, const ElfFacts& facts) {
  if (!facts.for_this_machine) return Refusal{"WrongArchitecture", name + " is made for " + facts.machine + ", this machine is " + this_machine()};
  if (!facts.shared_library) return Refusal{"NotALibrary", name + ": it is no shared library"};
  if (std::find(facts.exports.begin(), facts.exports.end(), KEELSON_ENTRY_SYMBOL) == facts.exports.end()) {
    for (const auto& symbol : facts.exports)
      if (symbol.starts_with(kEntryPrefix)) return Refusal{"ABIMismatch", name + " needs ABI " + symbol.substr(kEntryPrefix.size()) + ", this core has " + core_abi()};
    return Refusal{"NoEntrySymbol", name + " exports no " KEELSON_ENTRY_SYMBOL};
  }
  return facts.note ? check_note(name, *facts.note) : std::nullopt;
}

// A copy of the last run is as good, if a power cut left it whole: one write less at each start.
std::optional<Refusal> write_copy(const std::string& copy, const std::string& name, const std::string& content) {
  std::error_code failed;
  if (content_of(copy) == content) return std::nullopt;
  {
    std::ofstream out(copy + ".part", std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) return Refusal{"LoadFailed", name + ": no room for a copy: " + copy};
  }
  fs::rename(copy + ".part", copy, failed);
  return failed ? std::optional<Refusal>(Refusal{"LoadFailed", name + ": " + failed.message()}) : std::nullopt;
}

}  // namespace

std::optional<Refusal> check_table(const std::string& name, const keelson_plugin_v1* table) {
  if (table == nullptr) return Refusal{"LoadFailed", name + ": " KEELSON_ENTRY_SYMBOL " answered no table"};
  if (table->minor > KEELSON_ABI_MINOR) return other_abi(name, KEELSON_ABI_MAJOR, table->minor);
  if (table->size < kTableBytesMin)
    return Refusal{"ABIMismatch", name + " has a table of " + std::to_string(table->size) + " bytes, this core needs " + std::to_string(kTableBytesMin)};
  const auto& t = *table;
  if (t.name == nullptr || t.version == nullptr || t.start == nullptr || t.reconcile == nullptr || t.map == nullptr || t.predicate == nullptr ||
      t.observe == nullptr || t.task == nullptr || t.serve == nullptr || t.completion == nullptr || t.check == nullptr || t.drain == nullptr || t.destroy == nullptr)
    return Refusal{"LoadFailed", name + ": its table has empty entries"};
  return std::nullopt;
}

Inspected inspect_library(const std::string& file, const LoadOptions& options) {
  Inspected seen;
  const auto name = fs::path(file).filename().string();
  const OpenFile opened(file);
  auto content = opened.read();
  if (options.check_permissions && content) {
    seen.refusal = untrusted_path(file);
    if (!seen.refusal) seen.refusal = untrusted_file(opened.path(), file);
  }
  if (!content) seen.refusal = Refusal{"NotALibrary", name + ": it cannot be read or is too large"};
  if (!content) return seen;
  seen.content = std::move(*content);
  seen.sha256 = sha256_hex(seen.content);
  auto facts = read_elf(seen.content);
  if (facts) seen.facts = std::move(*facts);
  if (!seen.refusal && !options.keys.empty() && !options.ours.contains(seen.sha256)) seen.refusal = bad_signature(name, seen.content, content_of(file + ".minisig"), options.keys);
  if (!seen.refusal) seen.refusal = facts ? check_facts(name, seen.facts) : Refusal{"NotALibrary", name + ": " + facts.error().message};
  return seen;
}

namespace {

std::string copy_of(const std::string& sha256, const LoadOptions& options) { return options.private_directory + "/" + sha256 + ".so"; }

base::Outcome<ElfFacts> facts_of(const OpenFile& file, std::size_t bytes) {
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) return base::internal("it cannot be mapped");
  auto facts = read_elf({static_cast<const char*>(mapped), bytes});
  ::munmap(mapped, bytes);
  return facts;
}

// What is mapped is the copy: nobody but this user writes it. Nothing: the file has to be read.
std::optional<std::variant<CheckedFile, Refusal>> check_known(const std::string& file, const std::string& name, const LoadOptions& options) {
  if (options.known == nullptr || !options.keys.empty()) return std::nullopt;
  const OpenFile opened(file);
  const auto status = opened.status();
  const auto sha256 = status ? options.known->sha256_of(*status) : std::nullopt;
  if (!sha256) return std::nullopt;
  const OpenFile copy(copy_of(*sha256, options));
  const auto copied = copy.status();
  if (!copied || !options.known->is_copy(*copied, *sha256)) return std::nullopt;
  if (options.check_permissions) {
    if (auto refusal = untrusted_path(file)) return std::move(*refusal);
    if (auto refusal = untrusted_file(opened.path(), file)) return std::move(*refusal);
  }
  auto facts = facts_of(copy, static_cast<std::size_t>(copied->st_size));
  if (!facts) return std::nullopt;
  if (auto refusal = check_facts(name, *facts)) return std::move(*refusal);
  return CheckedFile{name, *sha256, copy_of(*sha256, options), std::move(facts->note)};
}

void remember(const std::string& file, const struct stat& before, const CheckedFile& checked, const LoadOptions& options) {
  struct stat after {}, copy {};
  if (::stat(file.c_str(), &after) != 0 || ::stat(checked.copy.c_str(), &copy) != 0) return;
  const bool same = after.st_ino == before.st_ino && after.st_dev == before.st_dev && after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec;
  if (same) options.known->remember(before, copy, checked.sha256, options.now_ns);
}

}  // namespace

std::variant<CheckedFile, Refusal> check_file(const std::string& file, const LoadOptions& options) {
  const auto name = fs::path(file).filename().string();
  if (auto known = check_known(file, name, options)) return std::move(*known);
  struct stat before {};
  const bool stands = options.known != nullptr && ::stat(file.c_str(), &before) == 0;
  auto seen = inspect_library(file, options);
  if (seen.refusal) return std::move(*seen.refusal);
  const auto copy = copy_of(seen.sha256, options);
  if (auto refusal = write_copy(copy, name, seen.content)) return std::move(*refusal);
  CheckedFile checked{name, seen.sha256, copy, std::move(seen.facts.note)};
  if (stands) remember(file, before, checked, options);
  return checked;
}

std::optional<Refusal> check_note_against(const CheckedFile& file, const keelson_plugin_v1& table) {
  if (!file.note || (file.note->text("name") == table.name && file.note->text("version") == table.version)) return std::nullopt;
  return Refusal{"LoadFailed", file.name + ": its note says " + file.note->text("name") + " " + file.note->text("version") + ", its table " + table.name + " " + table.version};
}

struct LibraryLoader {
  static std::variant<std::unique_ptr<Library>, Refusal> load(const std::string& file, const CheckedFile& found);
};

std::variant<std::unique_ptr<Library>, Refusal> LibraryLoader::load(const std::string& file, const CheckedFile& found) {
  std::unique_ptr<Library> library(new Library);
  library->file_ = file;
  library->sha256_ = found.sha256;
  library->handle_ = ::dlopen(found.copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle_ == nullptr) {
    const char* why = ::dlerror();
    return Refusal{"LoadFailed", found.name + ": " + (why != nullptr ? why : "dlopen failed")};
  }
  const auto entry = reinterpret_cast<keelson_plugin_entry>(::dlsym(library->handle_, KEELSON_ENTRY_SYMBOL));
  library->table_ = entry != nullptr ? entry() : nullptr;
  if (auto refusal = check_table(found.name, library->table_)) return std::move(*refusal);
  if (auto refusal = check_note_against(found, library->table())) return std::move(*refusal);
  return library;
}

Library::~Library() {
  if (keep_) return;
  if (handle_ != nullptr) ::dlclose(handle_);
}

keelson_status Library::start(Instance& instance, keelson_sink out, void** self) { return table_->start(&core_host_table(), &instance, out, self); }

std::string Library::abi() const { return std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(table_->minor); }

std::variant<std::unique_ptr<Library>, Refusal> load_checked(const std::string& file, const CheckedFile& checked) { return LibraryLoader::load(file, checked); }

std::variant<std::unique_ptr<Library>, Refusal> load_library(const std::string& file, const LoadOptions& options) {
  const auto checked = check_file(file, options);
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return *refusal;
  return load_checked(file, std::get<CheckedFile>(checked));
}

std::string core_abi() { return std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(KEELSON_ABI_MINOR); }

}  // namespace keelson::plugins
