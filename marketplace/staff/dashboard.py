"""x"""
def dashboard(user): return {}
