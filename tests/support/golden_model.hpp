// A tiny random model of tests/data/hf with the numbers that the reference implementation got from it; what
// each key holds stands in tests/data/hf/README.md.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/model/prompt.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/tensor_bridge.hpp"

namespace freshet::test {

class golden_model {
 public:
  explicit golden_model(const std::string& name)
      : folder(std::string(FRESHET_TEST_DATA) + "/hf/" + name),
        net(model::multimodal::load(folder).value()),
        inputs(model::safetensors_file::open(folder + "/inputs.safetensors").value()),
        expected(model::safetensors_file::open(folder + "/expected.safetensors").value()) {}

  [[nodiscard]] static at::Tensor of(const model::safetensors_file& file, const std::string& key) {
    return model::to_torch(file.get(key).value()).clone();
  }
  [[nodiscard]] at::Tensor given(const std::string& key) const { return of(inputs, key); }
  [[nodiscard]] at::Tensor wanted(const std::string& key) const { return of(expected, key); }
  [[nodiscard]] bool wants(const std::string& key) const { return expected.find(key) != nullptr; }

  /// The cases of forward and loss: those with labels.
  [[nodiscard]] std::vector<std::string> cases() const {
    std::vector<std::string> out;
    const std::string suffix = ".labels";
    for (const auto& t : inputs.tensors()) {
      if (t.name.size() > suffix.size() && t.name.compare(t.name.size() - suffix.size(), suffix.size(), suffix) == 0) {
        out.push_back(t.name.substr(0, t.name.size() - suffix.size()));
      }
    }
    return out;
  }

  [[nodiscard]] model::prompt_input prompt(const std::string& name) const {
    const auto maybe = [&](const std::string& key) {
      return inputs.find(name + key) == nullptr ? at::Tensor() : given(name + key);
    };
    return {given(name + ".input_ids"), given(name + ".attention_mask"), maybe(".pixel_values"),
            maybe(".pixel_attention_mask"), maybe(".image_grid_thw")};
  }
  [[nodiscard]] model::sequence read(const std::string& name) const {
    auto made = model::read_prompt(net, prompt(name));
    EXPECT_TRUE(made.ok()) << name << ": " << (made.ok() ? "" : made.err().text());
    return std::move(made).value();
  }
  [[nodiscard]] at::Tensor logits(const std::string& name) const {
    return net.logits(model::read_sequence(net.text_decoder(), read(name)));
  }
  /// Mean cross entropy over the shifted labels that are not -100.
  [[nodiscard]] at::Tensor loss(const std::string& name) const {
    const at::Tensor all = logits(name);
    return at::cross_entropy_loss(all.slice(1, 0, -1).reshape({-1, all.size(2)}),
                                  given(name + ".labels").slice(1, 1).reshape({-1}));
  }

  std::string folder;
  model::multimodal net;
  model::safetensors_file inputs, expected;
};

/// The models of tests/data/hf.
inline const char* const golden_models[] = {"llama",    "llama3_rope", "qwen2",   "llava_clip_llama", "llava_siglip_qwen2",
                                            "idefics3", "smolvlm",     "qwen2_vl"};

}  // namespace freshet::test
