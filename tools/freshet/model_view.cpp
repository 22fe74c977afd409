#include "tools/freshet/model_view.hpp"

#include <cstdint>
#include <cstdio>

#include "kernels/base/hex.hpp"
#include "tools/freshet/progress_view.hpp"

namespace freshet::cli {
namespace {

/// "7 063 427 072"
std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, " ");
  return digits;
}

std::string row(const std::string& name, const std::string& what) {
  std::string out = name;
  out.resize(std::max<std::size_t>(name.size() + 2, 20), ' ');
  return out + what + '\n';
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

std::string what_it_is(const model::model_config& c) {
  std::string out;
  if (c.vision) {
    out += std::string(name(c.vision->kind)) + " tower, " + std::string(name(c.projector->kind)) + " connector, ";
  }
  return out + std::string(name(c.text.kind)) + " decoder";
}

}  // namespace

std::string text_of(const model::inspection& found, const model::lora_spec& adapters,
                    const std::optional<model::line_figures>& line) {
  const model::model_config& c = found.config;
  std::string out;
  out += row("architecture", std::string(found.class_name) + ": " + what_it_is(c));
  out += row("files", std::to_string(found.files) + (found.files == 1 ? " file, " : " files, ") +
                          human_bytes(static_cast<double>(found.file_bytes)) + " of " + joined(found.dtypes) +
                          (found.unused_tensors == 0 ? "" : ", " + std::to_string(found.unused_tensors) +
                                                                (found.unused_tensors == 1 ? " tensor is" : " tensors are") +
                                                                " of no use here"));
  if (c.vision) {
    const std::string side = std::to_string(c.vision->image_size);
    out += row("picture", side + " x " + side + " pixels, " + std::to_string(c.image_tokens()) + " visual tokens");
  }
  out += row("text", std::to_string(c.text.max_position_embeddings) + " positions, " +
                         std::to_string(c.text.vocab_size) + " words, " + std::to_string(c.text.num_hidden_layers) +
                         " layers of width " + std::to_string(c.text.hidden_size) +
                         (c.text.tie_word_embeddings ? ", head tied to the embedding" : ""));
  out += row("parameters", grouped(found.values));
  for (const auto& p : found.parts) {
    const double share = 100.0 * static_cast<double>(p.values) / static_cast<double>(found.values);
    char text[32];
    std::snprintf(text, sizeof text, "  (%.1f %%)", share);
    out += row("  " + std::string(p.name), grouped(p.values) + text);
  }
  const auto memory = [](std::uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
  out += row("memory of weights", "f32 " + memory(found.memory.f32) + ", bf16 " + memory(found.memory.bf16) + ", 8 bit " +
                                      memory(found.memory.bits8) + ", 4 bit " + memory(found.memory.bits4));
  const model::trainable_figures& t = found.trainable;
  char share[32];
  std::snprintf(share, sizeof share, "%.2f", 100.0 * static_cast<double>(t.values) / static_cast<double>(found.values));
  out += row("trainable set", grouped(t.values) + " values (" + share + " % of the parameters) in " +
                                  std::to_string(t.tensors) + " tensors: norms, biases, " +
                                  (t.adapted_layers == 0 ? "no adapter (no layer is named by the targets)"
                                                         : "adapters of rank " + std::to_string(adapters.rank) + " on " +
                                                               std::to_string(t.adapted_layers) + " layers"));
  out += row("", "a whole one is " + memory(static_cast<std::uint64_t>(t.values) * 2) + " as fp16");
  if (line) {
    out += row("line", hex_of(line->line) + " (weights " + hex_of(content_hash(line->base_hash)) + ")");
    if (c.vision) out += row("vision tower", hex_of(line->encoder) + ": models with the same one can share its features");
  } else {
    out += row("line", std::string("not computed, ") + (c.vision ? "nor the hash of the vision tower, " : "") + "as it reads all weights: --hash");
  }
  return out;
}

nlohmann::json json_of(const model::inspection& found, const model::lora_spec& adapters,
                       const std::optional<model::line_figures>& line) {
  using nlohmann::json;
  const model::model_config& c = found.config;
  json parts = json::object();
  for (const auto& p : found.parts) {
    std::string key(p.name);
    for (char& letter : key) letter = letter == ' ' ? '_' : letter;
    parts[key] = {{"values", p.values}, {"tensors", p.tensors}};
  }
  json out{
      {"architecture", c.architecture},
      {"class", found.class_name},
      {"decoder", name(c.text.kind)},
      {"files", {{"count", found.files}, {"bytes", found.file_bytes}, {"dtypes", found.dtypes}, {"unused_tensors", found.unused_tensors}}},
      {"text",
       {{"positions", c.text.max_position_embeddings},
        {"words", c.text.vocab_size},
        {"layers", c.text.num_hidden_layers},
        {"width", c.text.hidden_size},
        {"tied_head", c.text.tie_word_embeddings}}},
      {"parameters", {{"values", found.values}, {"parts", parts}}},
      {"memory_bytes",
       {{"f32", found.memory.f32}, {"bf16", found.memory.bf16}, {"int8", found.memory.bits8}, {"int4", found.memory.bits4}}},
      {"trainable",
       {{"values", found.trainable.values},
        {"tensors", found.trainable.tensors},
        {"adapted_layers", found.trainable.adapted_layers},
        {"lora_rank", adapters.rank},
        {"lora_alpha", adapters.alpha},
        {"lora_targets", adapters.targets},
        {"train_vision", adapters.train_vision}}},
      {"line", nullptr},
      {"base_hash", nullptr}};
  if (c.vision) {
    out["tower"] = name(c.vision->kind);
    out["encoder_hash"] = nullptr;
    out["connector"] = name(c.projector->kind);
    out["picture"] = {{"side", c.vision->image_size}, {"visual_tokens", c.image_tokens()}};
  }
  if (line) {
    out["line"] = hex_of(line->line);
    out["base_hash"] = hex_of(content_hash(line->base_hash));
    if (c.vision) out["encoder_hash"] = hex_of(line->encoder);
  }
  return out;
}

}  // namespace freshet::cli
