#include "core/plugins/elf.hpp"

#include <elf.h>

#include <cstring>

#include "sdk/abi/keelson_note.h"

namespace keelson::plugins {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#endif

template <class T>
std::optional<T> read_at(std::string_view content, std::uint64_t offset) {
  if (offset > content.size() || content.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, content.data() + offset, sizeof value);
  return value;
}

bool inside(std::string_view content, const Elf64_Shdr& section) {
  return section.sh_offset <= content.size() && section.sh_size <= content.size() - section.sh_offset;
}

std::optional<std::string> text_at(std::string_view content, const Elf64_Shdr& strings, std::uint64_t offset) {
  if (offset >= strings.sh_size) return std::nullopt;
  const auto* begin = content.data() + strings.sh_offset + offset;
  const auto* end = static_cast<const char*>(std::memchr(begin, 0, strings.sh_size - offset));
  return end == nullptr ? std::nullopt : std::optional<std::string>(std::string(begin, end));
}

std::optional<Elf64_Shdr> section_at(std::string_view content, const Elf64_Ehdr& header, std::size_t index) {
  if (index >= header.e_shnum || header.e_shentsize < sizeof(Elf64_Shdr)) return std::nullopt;
  return read_at<Elf64_Shdr>(content, header.e_shoff + index * header.e_shentsize);
}

void collect_symbols(std::string_view content, const Elf64_Shdr& symbols, const Elf64_Shdr& strings, ElfFacts& facts) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = read_at<Elf64_Sym>(content, symbols.sh_offset + at);
    if (!symbol || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) continue;
    auto name = text_at(content, strings, symbol->st_name);
    if (name && !name->empty()) (symbol->st_shndx == SHN_UNDEF ? facts.imports : facts.exports).push_back(std::move(*name));
  }
}

void collect_libraries(std::string_view content, const Elf64_Shdr& dynamic, const Elf64_Shdr& strings, ElfFacts& facts) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic.sh_size; at += sizeof(Elf64_Dyn)) {
    const auto entry = read_at<Elf64_Dyn>(content, dynamic.sh_offset + at);
    if (!entry || entry->d_tag == DT_NULL) return;
    if (entry->d_tag != DT_NEEDED) continue;
    if (auto name = text_at(content, strings, entry->d_un.d_val)) facts.libraries.push_back(std::move(*name));
  }
}

std::map<std::string, std::string> lines_of(std::string_view text) {
  std::map<std::string, std::string> lines;
  text = text.substr(0, text.find('\0'));
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto equals = line.find('='); equals != line.npos) lines.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return lines;
}

std::optional<PluginNote> note_in(std::string_view section) {
  constexpr std::size_t kHead = sizeof(Elf64_Nhdr) + sizeof KEELSON_NOTE_OWNER;
  Elf64_Nhdr head;
  if (section.size() < kHead + 2 * sizeof(std::uint32_t)) return std::nullopt;
  std::memcpy(&head, section.data(), sizeof head);
  if (head.n_type != KEELSON_NOTE_TYPE || head.n_namesz != sizeof KEELSON_NOTE_OWNER) return std::nullopt;
  if (std::memcmp(section.data() + sizeof head, KEELSON_NOTE_OWNER, sizeof KEELSON_NOTE_OWNER) != 0) return std::nullopt;
  if (head.n_descsz < 2 * sizeof(std::uint32_t) || head.n_descsz > section.size() - kHead) return std::nullopt;
  PluginNote note;
  std::memcpy(&note.abi_major, section.data() + kHead, sizeof note.abi_major);
  std::memcpy(&note.abi_minor, section.data() + kHead + sizeof note.abi_major, sizeof note.abi_minor);
  note.texts = lines_of(section.substr(kHead + 2 * sizeof(std::uint32_t), head.n_descsz - 2 * sizeof(std::uint32_t)));
  return note;
}

std::string machine_name(Elf64_Half machine) {
  switch (machine) {
    case EM_X86_64: return "x86_64";
    case EM_AARCH64: return "aarch64";
    case EM_386: return "i386";
    case EM_ARM: return "arm";
    case EM_RISCV: return "riscv";
    case EM_S390: return "s390x";
    case EM_PPC64: return "ppc64";
    default: return "machine " + std::to_string(machine);
  }
}

std::optional<base::Error> look_at_section(std::string_view content, const Elf64_Ehdr& header, const Elf64_Shdr& section, ElfFacts& facts) {
  const bool symbols = section.sh_type == SHT_DYNSYM;
  if (!symbols && section.sh_type != SHT_DYNAMIC && section.sh_type != SHT_NOTE) return std::nullopt;
  if (!inside(content, section)) return base::bad_request("it is damaged: a section lies outside of the file");
  if (section.sh_type == SHT_NOTE) {
    if (auto note = note_in(std::string_view(content).substr(section.sh_offset, section.sh_size))) facts.note = std::move(note);
    return std::nullopt;
  }
  const auto strings = section_at(content, header, section.sh_link);
  if (!strings || !inside(content, *strings)) return base::bad_request("it is damaged: symbols lie outside of the file");
  if (symbols) collect_symbols(content, section, *strings, facts);
  else collect_libraries(content, section, *strings, facts);
  return std::nullopt;
}

}  // namespace

std::string PluginNote::text(const std::string& key) const {
  const auto found = texts.find(key);
  return found == texts.end() ? std::string() : found->second;
}

base::Outcome<ElfFacts> read_elf(std::string_view content) {
  const auto header = read_at<Elf64_Ehdr>(content, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return base::bad_request("it is no ELF file");
  ElfFacts facts;
  facts.machine = machine_name(header->e_machine);   // at the same place in 32-bit files
  facts.for_this_machine = header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_machine == kMachine;
  if (!facts.for_this_machine) return facts;
  facts.shared_library = header->e_type == ET_DYN;
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    const auto section = section_at(content, *header, i);
    if (!section) return base::bad_request("it is damaged: section headers end early");
    if (auto damaged = look_at_section(content, *header, *section, facts)) return std::move(*damaged);
  }
  return facts;
}

base::Outcome<std::vector<std::string>> exported_symbols(std::string_view content) {
  auto facts = read_elf(content);
  if (!facts) return facts.error();
  if (!facts->for_this_machine) return base::bad_request("it is made for another machine");
  if (!facts->shared_library) return base::bad_request("it is no shared library");
  return std::move(facts->exports);
}

std::string this_machine() { return machine_name(kMachine); }

}  // namespace keelson::plugins
