s/x86_64-linux-gnu|aarch64-linux-gnu/MULTIARCH/g
