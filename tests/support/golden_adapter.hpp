// An adapter of tests/data/hf beside its base model, with the numbers that PEFT got from the two.
#pragma once

#include <string>

#include "kernels/model/adapter_set.hpp"
#include "kernels/model/peft.hpp"
#include "tests/support/golden_model.hpp"

namespace freshet::test {

struct golden_adapter_case {
  const char* name;
  const char* base;
  const char* expected;  ///< folder of the numbers
  model::library_names names;
};

inline const golden_adapter_case golden_adapters[] = {
    {"lora_llava_qv", "llava_clip_llama", "lora_llava_qv", model::library_names::current},
    {"lora_llava_qv_oldkeys", "llava_clip_llama", "lora_llava_qv", model::library_names::before_4_52},
    {"lora_llava_text_qv", "llava_clip_llama", "lora_llava_text_qv", model::library_names::current},
    {"lora_llama_qv", "llama", "lora_llama_qv", model::library_names::current},
    {"lora_llama_rslora", "llama", "lora_llama_rslora", model::library_names::current},
};

class golden_adapter {
 public:
  explicit golden_adapter(const golden_adapter_case& c)
      : folder(std::string(FRESHET_TEST_DATA) + "/hf/" + c.name),
        base(c.base),
        numbers(model::safetensors_file::open(std::string(FRESHET_TEST_DATA) + "/hf/" + c.expected + "/expected.safetensors").value()),
        file(model::safetensors_file::open(folder + "/adapter_model.safetensors").value()),
        set(base.net) {
    auto loaded = model::load_peft(folder, base.net.config(), base.net.weights());
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.err().text());
    EXPECT_TRUE(set.add("golden", std::move(loaded).value()).ok());
    EXPECT_TRUE(set.use("golden", base.net).ok());
  }

  [[nodiscard]] at::Tensor wanted(const std::string& key) const { return golden_model::of(numbers, key); }
  /// The name of ours for a key of the numbers ("base_model.model.model.layers.0....lora_A.weight"), which are of
  /// the newer kind whatever the file's.
  [[nodiscard]] std::string ours(const std::string& key) const {
    for (const auto& [name, value] : base.net.weights().all()) {
      if ("base_model.model." + model::library_name(base.net.config(), name, model::library_names::current) == key) return name;
    }
    return {};
  }

  std::string folder;
  golden_model base;
  model::safetensors_file numbers, file;
  model::adapter_set set;
};

}  // namespace freshet::test
