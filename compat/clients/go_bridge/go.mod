module walser/compat/bridge

go 1.24.0
